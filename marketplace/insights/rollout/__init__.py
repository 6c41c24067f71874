"""The phases of the rollout as a checklist that reads real figures (docs/adoption.md, "Rollout")."""
