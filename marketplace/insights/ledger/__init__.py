"""The value ledger: what reuse avoided, line by line, with the evidence behind each amount (docs/value.md)."""
