"""The demo company: a diversified financial-services company with people, models and a past."""
