"""Page routes of the organisation."""

from django.urls import path

from marketplace.organisation.views import joining, members, people, teams, units

app_name = "organisation"
urlpatterns = [
    path("units/", units.units, name="units"),
    path("units/<slug:slug>/", units.unit, name="unit"),
    path("units/<slug:slug>/archive/", units.archive, name="archive_unit"),
    path("units/<slug:slug>/restore/", units.restore, name="restore_unit"),
    path("teams/", teams.directory, name="teams"),
    path("teams/new/", teams.new_team, name="new_team"),
    path("teams/join/", joining.join, name="join"),
    path("teams/requests/<int:pk>/", joining.join_request, name="join_request"),
    path("teams/requests/<int:pk>/withdraw/", joining.withdraw, name="withdraw_request"),
    path("teams/<slug:slug>/", teams.team, name="team"),
    path("teams/<slug:slug>/settings/", teams.settings, name="team_settings"),
    path("teams/<slug:slug>/unit/", teams.move, name="move_team"),
    path("teams/<slug:slug>/unit/<int:pk>/withdraw/", teams.withdraw_move, name="withdraw_move"),
    path("teams/<slug:slug>/members/", members.add, name="add_member"),
    path("teams/<slug:slug>/members/<int:pk>/lead/", members.make_lead, name="make_lead"),
    path("teams/<slug:slug>/members/<int:pk>/step-down/", members.step_down, name="step_down"),
    path("teams/<slug:slug>/members/<int:pk>/end/", members.end, name="end_membership"),
    path("people/", people.people, name="people"),
    path("people/new/", people.new_person, name="new_person"),
    path("people/import/", people.import_people, name="import_people"),
    path("people/<int:pk>/", people.person, name="person"),
    path("people/<int:pk>/change/", people.change_person, name="change_person"),
    path("people/<int:pk>/invite/", people.invite, name="invite"),
    path("people/<int:pk>/deactivate/", people.deactivate, name="deactivate"),
    path("people/<int:pk>/reactivate/", people.reactivate, name="reactivate"),
]
