"""The contribution board: points of teams in a quarter, each with its rows (docs/adoption.md, "Contribution board")."""
