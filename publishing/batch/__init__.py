"""What a worker does with a team's rows: read the file, check the rows, let the versions answer, find figures (docs/batch-evaluation.md)."""
