"""Plans: kinds of prices, terms over time, and the page that offers them (docs/money.md)."""
