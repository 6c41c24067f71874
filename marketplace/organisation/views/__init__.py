"""Pages of the organisation, a module for each noun."""
