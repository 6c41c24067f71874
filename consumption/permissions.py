"""Who may consume, and who may say yes to it. Asked at call time."""


def can_create_application(user, team):
    return user.is_active and user.is_on(team)


def can_manage_application(user, application):
    """Members of the application's team."""
    return user.is_active and user.is_on(application.team)


def can_offer_plan(user, model):
    return user.is_active and user.is_on(model.owner_team)


def can_decide_subscription(user, subscription):
    """The publisher's team says yes or no: never who asked, nor who is also on the other team that asks."""
    owner_team, asking_team = subscription.model.owner_team, subscription.application.team
    if not user.is_active or not user.is_on(owner_team) or subscription.requested_by_id == user.pk:
        return False
    return asking_team == owner_team or not user.is_on(asking_team)


def can_decide_use(user, review):
    """The role of the use's tier: never who asked, nor anybody on the team that asks or on the one that owns the model."""
    subscription = review.subscription
    return (
        user.is_active
        and not user.is_system
        and user.has_role(*review.roles)
        and subscription.requested_by_id != user.pk
        and not user.is_on(subscription.application.team)
        and not user.is_on(subscription.model.owner_team)
    )


def can_decide_move(user, move):
    """The owners say who gets a plan that they approve: never who asked, nor who is also on the other team that asks."""
    subscription = move.subscription
    owner_team, asking_team = subscription.model.owner_team, subscription.application.team
    if not user.is_active or not user.is_on(owner_team) or move.asked_by_id == user.pk:
        return False
    return asking_team == owner_team or not user.is_on(asking_team)


def can_stop_rollout(user, rollout):
    """The owner team, or the marketplace manager, ends an update or tries it again; the guard needs nobody."""
    return user.is_active and (
        user.is_on(rollout.version.model.owner_team) or user.has_role("curator")
    )


def can_end_subscription(user, subscription):
    """Its own team at any time; the marketplace itself when a notice has run."""
    return user.is_system or can_manage_application(user, subscription.application)


def can_change(user, model):
    """Who proposes what takes something from a model's consumers: the owner team."""
    return user.is_active and user.is_on(model.owner_team)


def can_confirm(user, change):
    """The second person: somebody else of the owner team, or the marketplace manager. Never who proposed it."""
    if user.is_system or not user.is_active or user.pk == change.proposed_by_id:
        return False
    return user.is_on(change.model.owner_team) or user.has_role("curator")


def can_withdraw_change(user, change):
    """The owner team takes its own change back; who proposed it also after leaving the team."""
    return user.is_active and (
        user.pk == change.proposed_by_id or user.is_on(change.model.owner_team)
    )


def can_manage_keys(user, subscription):
    return can_manage_application(user, subscription.application)


def can_revoke_key(user, key):
    """The key's team, those who stop things (manager, administrator), and the gateway when a key leaks."""
    return (
        user.is_system
        or can_manage_keys(user, key.subscription)
        or user.has_role("curator", "admin", "operator")
    )


def can_try(user, version):
    """Whoever may know of the version (ModelVersion.visible_to) tries it in the sandbox."""
    return user.is_active and type(version).objects.visible_to(user).filter(pk=version.pk).exists()


def can_report_leak(user):
    """Everybody: who finds a key need not know whose it is."""
    return user.is_active


def can_see_model_usage(user, model):
    """Per consuming team: the publisher and those who oversee. Counts, never payloads."""
    return user.is_on(model.owner_team) or user.has_role("curator", "auditor", "admin", "finance")


def can_reconcile(user):
    """Whether the statement agrees with the events: finance, and those who oversee or operate. Counts of all teams."""
    return user.has_role("finance", "auditor", "curator", "admin", "operator")


def can_keep_the_books(user):
    """Closes months, answers disputes, sets shared costs, who is charged, and budgets of units: finance."""
    return user.is_active and user.has_role("finance")


def can_set_budget(user, budget):
    """Finance; of a team also its members."""
    if not user.is_active:
        return False
    return can_keep_the_books(user) or (budget.team is not None and user.is_on(budget.team))


def can_dispute(user, team):
    """Members of the team that a line charges."""
    return user.is_active and user.is_on(team)


def can_answer_dispute(user, dispute):
    """Finance: never who opened it, nor anybody of the team that it is about."""
    return (
        can_keep_the_books(user)
        and user.pk != dispute.opened_by_id
        and not user.is_on(dispute.team)
    )


def can_evaluate_for(user, team):
    """Members of the team bring its data."""
    return user.is_active and not user.is_system and user.is_on(team)


def can_manage_evaluation(user, evaluation):
    """Members of the team, and nobody else: no role of the marketplace works on a team's own data."""
    return can_evaluate_for(user, evaluation.team)


def can_rate(user, model, team):
    """Members for their own consumer team; no team rates its own model."""
    return user.is_active and user.is_on(team) and team.pk != model.owner_team_id


def can_answer(user, model):
    """The owner team speaks for its model."""
    return user.is_active and user.is_on(model.owner_team)


def can_close_discussion(user, discussion):
    """Whoever opened it, and their team."""
    is_of_team = discussion.team is not None and user.is_on(discussion.team)
    return user.is_active and (user.pk == discussion.opened_by_id or is_of_team)


def can_speak(user, discussion):
    """The two sides."""
    return can_answer(user, discussion.model) or can_close_discussion(user, discussion)


def can_see_example(user, discussion):
    """The two sides: what a consumer adds of its own data is for nobody else, whatever their role."""
    return can_speak(user, discussion)
