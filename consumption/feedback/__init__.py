"""What users say of models: ratings, discussions, outcomes and the live quality that follows from them (docs/feedback.md)."""
