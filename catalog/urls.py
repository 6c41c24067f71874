"""Page routes of the catalog. Its `model` is in marketplace.urls: that page needs facts of every app."""

from django.urls import path

from catalog import (
    collection_views,
    glossary_views,
    need_views,
    saved_search_views,
    search_record_views,
    term_views,
    tray_views,
    views,
    watch_views,
)

app_name = "catalog"
urlpatterns = [
    path("models/", views.models, name="models"),
    path("models/<slug:slug>/versions/", views.versions, name="versions"),
    path("models/<slug:slug>/versions/<str:number>/", views.version, name="version"),
    path("models/<slug:slug>/watch/", watch_views.watch, name="watch"),
    path("search-records/", search_record_views.record_list, name="search_records"),
    path("search-records/new/", search_record_views.new_record, name="new_search_record"),
    path("search-records/<int:pk>/", search_record_views.record, name="search_record"),
    path(
        "search-records/<int:pk>/withdraw/",
        search_record_views.withdraw,
        name="withdraw_search_record",
    ),
    path("badges/search-records/<str:key>.svg", search_record_views.badge, name="search_badge"),
    path("needs/", need_views.need_list, name="needs"),
    path("needs/new/", need_views.new_need, name="new_need"),
    path("needs/<int:pk>/", need_views.need, name="need"),
    path("needs/<int:pk>/<slug:verb>/", need_views.change_need, name="change_need"),
    path("search/suggest/", views.suggest, name="suggest"),
    path("glossary/", glossary_views.glossary, name="glossary"),
    path("glossary/<int:pk>/take-out/", glossary_views.take_out, name="take_out_word"),
    path("collections/", collection_views.collection_list, name="collections"),
    path("collections/new/", collection_views.new_collection, name="new_collection"),
    path("collections/<slug:slug>/", collection_views.collection, name="collection"),
    path("collections/<slug:slug>/edit/", collection_views.edit_collection, name="edit_collection"),
    path(
        "collections/<slug:slug>/<slug:verb>/",
        collection_views.change_collection,
        name="change_collection",
    ),
    path("searches/", saved_search_views.saved_list, name="saved_searches"),
    path("searches/save/", saved_search_views.save, name="save_search"),
    path("searches/<int:pk>/forget/", saved_search_views.forget, name="forget_search"),
    path("compare/tray/", tray_views.change, name="tray"),
    path("vocabularies/<slug:kind>/", term_views.vocabulary, name="vocabulary"),
    path(
        "vocabularies/<slug:kind>/<int:pk>/<slug:verb>/",
        term_views.change_term,
        name="change_term",
    ),
]
