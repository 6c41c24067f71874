"""ORGANISATION: business units, teams, who is on them, people, requests to join (docs/people.md).

The nouns are marketplace.accounts' (every app hangs rights on them). The verbs stand here, above the apps, because what depends
on a unit, and what follows when somebody leaves, is known by catalog, governance and consumption.
"""
