"""What a gateway process counts and exports, and the process that ships the usage journal to Postgres.

The journal itself is consumption/metering/usage_journal.py: every call is recorded there before it is forwarded.
"""
