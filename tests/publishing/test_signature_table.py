"""The Signature step: a row a field. Errors stand at the cell, nothing typed is lost, and the example is run at once."""

import copy
import re

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import ModelVersion
from marketplace.core.errors import RuleError
from publishing import actions, missing
from publishing.signature_table import SHOWN, SignatureTable
from tests import factories, tried_once
from tests.pages import text_of
from tests.publishing import contracts

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bytes_are_tried_once(monkeypatch):
    tried_once.remember(monkeypatch)


@pytest.fixture
def alice(client):
    client.force_login(factories.alice())
    return client


@pytest.fixture
def draft():
    return factories.draft_version()


@pytest.fixture
def packaged(draft, tmp_path):
    """A draft whose package is the tiny graph."""
    factories.upload_tiny(draft, tmp_path)
    draft.refresh_from_db()
    return draft


def address(version, name="interface"):
    return reverse(f"publishing:{name}", args=[version.model.slug, version.number])


def form_of(version):
    """What a browser sends when the page is loaded and nothing is typed."""
    table = SignatureTable.of(version)
    sent = {"seen": table.seen, "at": "0", "then": "run"}
    for side in table.shown_sides:
        for row in side.rows:
            sent |= {
                row.cell_id(cell): text
                for cell, text in row.values.items()
                if text or cell != "required"
            }
    return sent


def save(client, version, **typed):
    """Post the form with cells changed; a double underscore stands for the hyphen."""
    sent = form_of(version) | {key.replace("__", "-"): text for key, text in typed.items()}
    response = client.post(
        address(version), {key: text for key, text in sent.items() if text is not None}
    )
    version.refresh_from_db()
    return response


def act(client, version, what, **typed):
    sent = form_of(version) | {key.replace("__", "-"): text for key, text in typed.items()}
    return client.post(address(version), sent | {"act": what})


def control(response, name):
    """The tag of a control, with the text of a text area."""
    found = re.search(
        rf'<(?:input|select|textarea)[^>]*name="{name}"[^>]*>[^<]*', text_of(response)
    )
    return found.group() if found else ""


@pytest.fixture
def full(draft):
    """A draft with every kind of field, without a package."""
    whole = {side: contracts.SIGNATURE[side] for side in ("inputs", "outputs")}
    actions.describe_interface(draft.created_by, draft, whole, contracts.EXAMPLE)
    draft.refresh_from_db()
    return draft


def test_saving_what_was_not_touched_changes_nothing(alice, draft):
    before = copy.deepcopy((draft.signature, draft.example))
    assert save(alice, draft).status_code == 302
    assert (draft.signature, draft.example) == before


def test_nor_does_it_with_every_kind_of_field(alice, full):
    before = copy.deepcopy((full.signature, full.example))
    assert save(alice, full).status_code == 302
    assert (full.signature, full.example) == before


def test_a_package_keeps_its_binding(alice, packaged):
    before = copy.deepcopy((packaged.signature, packaged.example))
    assert save(alice, packaged).status_code == 302
    assert (packaged.signature, packaged.example) == before


def test_cells_become_the_signature_and_the_example(alice, packaged):
    answer = save(
        alice,
        packaged,
        inputs__0__name="earned",
        inputs__0__description="  Credits of the last month\r\nof all accounts ",
        inputs__0__unit="EUR",
        inputs__0__minimum="0",
        inputs__0__maximum="1,000,000",
        inputs__0__example="4 100.5",
        inputs__1__enum="0, 300, 5e2",
        inputs__1__required=None,
        inputs__1__default="300",
        outputs__0__maximum="90000",
    )
    assert answer.status_code == 302 and answer.url == f"{address(packaged)}#trial"
    earned, debt = packaged.signature["inputs"]
    assert earned["name"] == "earned" and earned["unit"] == "EUR"
    assert earned["description"] == "Credits of the last month\nof all accounts"
    assert (earned["minimum"], earned["maximum"]) == (0, 1_000_000)
    assert (debt["enum"], debt["required"], debt["default"]) == ([0, 300, 500.0], False, 300)
    assert packaged.signature["outputs"][0]["maximum"] == 90000
    bound = packaged.signature["binding"]["inputs"]
    assert bound[0] == {"tensor": "income", "datatype": "FP32", "columns": ["earned"]}
    first = packaged.example["inputs"][0]
    assert (first["name"], first["data"][0]) == ("earned", 4100.5)
    assert len(first["data"]) == 2, "the second row of the saved example stays"


def test_the_example_runs_at_once_and_its_answer_is_shown(alice, packaged):
    answer = save(alice, packaged, inputs__0__example="5000", inputs__1__example="1")
    page = text_of(alice.get(answer.url))
    assert "<strong>4999</strong> USD" in page and "Passed" in page
    assert '"data": [5000' in page.replace("&quot;", '"')


def test_an_endpoint_answers_too(alice, draft):
    answer = save(alice, draft)
    trial = actions.try_again(draft.created_by, draft)
    assert trial.metrics["output"]["score"], "what it said first is kept"
    assert "Does it run?" in text_of(alice.get(answer.url))


def test_an_example_is_made_up_from_the_range(alice, draft):
    ModelVersion.objects.filter(pk=draft.pk).update(example={})
    draft.refresh_from_db()
    save(alice, draft, inputs__0__minimum="10", inputs__0__maximum="20", inputs__0__example="")
    values = {tensor["name"]: tensor["data"] for tensor in draft.example["inputs"]}
    assert values == {"income": [15.0], "debt": [1]}


WRONG = [
    ("inputs__0__name", "", "Give it a name."),
    ("inputs__0__name", "debt", "Two inputs have this name."),
    ("inputs__0__name", "x" * 101, "Use 1 to 100 printable characters."),
    ("inputs__0__datatype", "FP8", "Choose a datatype."),
    ("inputs__0__shape", "3", "Begin with n, the rows of a call."),
    ("inputs__0__shape", "n, soon", "Write sizes with commas"),
    ("inputs__0__description", "x" * 4001, "At most|Write at most 4000 characters"),
    ("inputs__0__unit", "x" * 101, "Write at most 100 characters"),
    ("inputs__0__minimum", "a lot", "Write a number, as in 1234.5."),
    ("inputs__0__minimum", "1e400", "Write a finite number."),
    ("inputs__0__minimum", "1,5", "Write a number, as in 1234.5."),
    ("inputs__0__maximum", "1e39", "lies outside FP32"),
    ("inputs__0__enum", "1, 1", "repeat themselves"),
    ("inputs__0__enum", "1, two", "Write a number"),
    ("inputs__0__default", "none", "Write a number"),
    ("inputs__0__example", "much", "Write a number"),
]


@pytest.mark.parametrize(("cell", "typed", "sentence"), WRONG)
def test_an_error_stands_at_its_cell_and_the_text_stays(alice, draft, cell, typed, sentence):
    before = copy.deepcopy(draft.signature)
    answer = save(alice, draft, **{cell: typed, "inputs__1__unit": "a unit that was typed"})
    name = cell.replace("__", "-")
    assert answer.status_code == 422 and draft.signature == before
    assert re.search(rf'href="#{name}"', text_of(answer)) or name.endswith("datatype")
    at_the_cell = re.search(r'id="inputs-0-[a-z]+-says">(?:<svg.*?</svg>)?([^<]+)', text_of(answer))
    assert at_the_cell and re.search(sentence, text_of(answer))
    if not name.endswith("datatype"):
        assert typed[:500] in control(answer, name)
    assert "a unit that was typed" in control(answer, "inputs-1-unit")


def test_the_largest_below_the_smallest(alice, draft):
    answer = save(alice, draft, inputs__0__minimum="5", inputs__0__maximum="4")
    assert "The largest is below the smallest (5)." in text_of(answer)
    assert 'aria-invalid="true"' in control(answer, "inputs-0-maximum")


def test_all_errors_come_at_once(alice, draft):
    answer = save(alice, draft, inputs__0__minimum="x", inputs__1__name="", outputs__0__maximum="y")
    assert "3 cells stop you from saving." in text_of(answer)


def test_what_the_file_takes_is_said_at_the_cell(alice, packaged):
    answer = save(alice, packaged, inputs__0__datatype="BYTES", inputs__0__example="a")
    assert answer.status_code == 422 and "The file does not take this datatype here." in text_of(
        answer
    )


def test_an_example_outside_the_range_is_said_at_the_cell(alice, draft):
    answer = save(alice, draft, inputs__0__maximum="10", inputs__0__example="11")
    assert 'aria-invalid="true"' in control(answer, "inputs-0-example")


def test_rows_are_added_moved_and_removed_without_saving(alice, draft):
    before = copy.deepcopy(draft.signature)
    added = act(alice, draft, "add:inputs", inputs__0__unit="typed")
    assert added.status_code == 200 and "autofocus" in control(added, "inputs-2-name")
    moved = act(alice, draft, "down:inputs:0", inputs__0__unit="typed")
    assert 'value="income"' in control(moved, "inputs-1-name")
    assert 'value="typed"' in control(moved, "inputs-1-unit")
    removed = act(alice, draft, "remove:inputs:0")
    assert 'value="debt"' in control(removed, "inputs-0-name") and not control(
        removed, "inputs-1-name"
    )
    draft.refresh_from_db()
    assert draft.signature == before


def test_a_new_row_and_another_order_are_saved(alice, draft):
    ModelVersion.objects.filter(pk=draft.pk).update(example={})
    draft.refresh_from_db()
    row = {
        "was": "",
        "name": "age",
        "datatype": "INT64",
        "shape": "n",
        "description": "Years",
        "required": "on",
    }
    typed = {f"inputs__2__{cell}": text for cell, text in row.items()}
    assert save(alice, draft, inputs__2__example="40", **typed).status_code == 302
    assert [field["name"] for field in draft.signature["inputs"]] == ["income", "debt", "age"]
    assert draft.signature["inputs"][2]["datatype"] == "INT64" and "binding" not in draft.signature
    assert draft.example["inputs"][2]["data"] == [40]


def test_a_package_decides_how_many_rows_there_are(alice, packaged):
    page = text_of(alice.get(address(packaged)))
    assert "Add to the inputs" not in page and "Remove:" not in page and "Move up: income" in page
    for what in ("add:inputs", "remove:inputs:0"):
        assert "alert tone-bad" in text_of(act(alice, packaged, what))


@pytest.mark.parametrize(
    "what",
    ["", "add", "add:binding", "up:inputs:99", "up:inputs:x", "fly:inputs:0", "up:inputs:99999999"],
)
def test_buttons_of_another_page_do_nothing(alice, draft, what):
    assert "button is of another page" in text_of(act(alice, draft, what))


def test_a_paste_becomes_rows_to_confirm(alice, draft):
    paste = "income,age,segment\n12.5,40,private"
    answer = act(alice, draft, "paste", paste=paste, inputs__0__unit="typed")
    assert "3 fields read from CSV header" in text_of(answer)
    assert 'value="typed"' in control(answer, "inputs-0-unit"), "what was typed stays"
    assert 'value="age"' in control(answer, "inputs-2-name") and 'value="12.5"' in control(
        answer, "inputs-0-example"
    )
    assert text_of(answer).count('class="row-proposed"') == 3
    draft.refresh_from_db()
    assert len(draft.signature["inputs"]) == 2, "nothing is saved"


def test_a_paste_that_cannot_be_read_stays_in_its_box(alice, draft):
    answer = act(alice, draft, "paste", paste="1,2,3", inputs__0__unit="typed")
    assert "holds numbers" in text_of(answer) and "1,2,3" in control(answer, "paste")
    assert 'value="typed"' in control(answer, "inputs-0-unit")


def test_a_paste_names_the_columns_of_a_package_by_position(alice, packaged):
    answer = act(alice, packaged, "paste", paste="earned   float64\nowed   object\ndtype: object")
    assert 'value="earned"' in control(answer, "inputs-0-name") and 'value="owed"' in control(
        answer, "inputs-1-name"
    )
    assert "<option selected>FP64" in text_of(answer), "a wider datatype fits"
    assert "<option selected>BYTES" not in text_of(answer), "a text does not"
    other = act(alice, packaged, "paste", paste="a,b,c")
    assert "The package has 2 inputs; 3 were read." in text_of(other)


def test_another_window_is_not_overwritten_unseen(alice, draft):
    stale = form_of(draft)
    save(alice, draft, inputs__0__unit="EUR")
    answer = alice.post(address(draft), stale | {"inputs-0-unit": "GBP"})
    assert answer.status_code == 422 and "changed meanwhile" in text_of(answer)
    assert 'value="GBP"' in control(answer, "inputs-0-unit")
    draft.refresh_from_db()
    assert draft.signature["inputs"][0]["unit"] == "EUR"
    again = stale | {"inputs-0-unit": "GBP", "seen": SignatureTable.of(draft).seen}
    assert alice.post(address(draft), again).status_code == 302


def wide_draft(width=SHOWN + 5):
    draft = factories.draft_version()
    inputs = [
        contracts.given(f"c{n}", description="" if n == width - 1 else "A column")
        for n in range(width)
    ]
    wide = {"inputs": inputs, "outputs": factories.signature()["outputs"]}
    actions.describe_interface(
        draft.created_by,
        draft,
        wide,
        {
            "inputs": [
                {"name": f"c{n}", "datatype": "FP64", "shape": [1], "data": [n]}
                for n in range(width)
            ]
        },
    )
    draft.refresh_from_db()
    return draft


def test_rows_of_other_pages_travel_with_the_form(alice):
    draft = wide_draft()
    table = SignatureTable.of(draft)
    assert [page.label for page in table.pages] == ["1–40", "41–45"]
    sent = form_of(draft) | {"rest": table.rest, "inputs-3-unit": "EUR"}
    second = alice.post(address(draft), sent | {"act": "page:41"})
    assert 'value="c44"' in control(second, "inputs-44-name") and not control(
        second, "inputs-0-name"
    )
    carried = SignatureTable.typed(draft, sent | {"act": "page:41"})
    carried.act("page:41")
    last = {
        row.cell_id(cell): text
        for row in carried.shown("inputs")
        for cell, text in row.values.items()
    }
    assert (
        alice.post(address(draft), {"seen": table.seen, "rest": carried.rest} | last).status_code
        == 302
    )
    draft.refresh_from_db()
    assert len(draft.signature["inputs"]) == SHOWN + 5
    assert draft.signature["inputs"][3]["unit"] == "EUR", (
        "typed on the first page, saved on the second"
    )


def test_what_has_no_meaning_is_not_submitted(alice, draft):
    save(alice, draft, inputs__1__description=" ")
    item = next(item for item in missing.what_is_missing(draft) if item.step == "meaning")
    assert item.sentence == "Say what these mean: debt."
    with pytest.raises(RuleError, match="Say what these mean: debt") as refusal:
        actions.submit(draft.created_by, draft)
    link = f"{address(draft)}#inputs-1-description"
    told = refusal.value.problems[0]
    assert (told["field"], told["page"]) == ("inputs.debt.description", link)
    assert f'href="{link}"' in text_of(alice.get(address(draft, "submit")))
    assert 'id="inputs-1-description"' in text_of(alice.get(link))


def test_the_link_to_a_meaning_leads_to_its_page(alice):
    draft = wide_draft()
    link = f"{address(draft)}?from=41#inputs-44-description"
    page = alice.get(address(draft))
    assert f'href="{link}"' in text_of(page)
    assert 'id="inputs-44-description"' in text_of(alice.get(link))


def test_the_api_names_the_field_without_meaning(alice, draft):
    save(alice, draft, inputs__1__description="")
    listed = alice.get(f"/api/v1/versions/{draft.pk}/missing/").json()
    assert "inputs.debt.description" in [item["field"] for item in listed]


def test_json_is_another_view_of_the_same(alice, draft):
    page = text_of(alice.get(address(draft, "interface_json")))
    assert "Monthly account credits" in page and "Edit as a table" in page
    answer = alice.post(address(draft, "interface_json"), {"signature": "{", "example": "{}"})
    assert answer.status_code == 422 and "JSON parse error" in text_of(answer)


def test_a_submitted_version_is_a_table_to_read(alice):
    version = factories.submitted_version()
    page = text_of(alice.get(address(version)))
    assert "Monthly account credits" in page and "inputs-0-name" not in page
    answer = alice.post(address(version), form_of(version))
    assert answer.status_code == 422 and "can no longer be edited" in text_of(answer)


def test_the_service_level_is_the_last_of_the_step(alice, draft):
    answer = alice.post(address(draft, "service_level"), factories.SLA)
    assert answer.status_code == 302 and answer.url == address(draft, "risk")
    assert alice.post(address(draft, "service_level"), {}).status_code == 422


def test_no_package_leads_to_the_package(alice):
    draft = actions.start_version(factories.alice(), factories.model(), "1.0.0")
    assert "Go to the package" in text_of(alice.get(address(draft)))


def test_a_breaking_change_is_said_at_its_cell(alice):
    version = factories.published_version()
    draft = factories.draft_version(version.model, "1.1.0")
    save(alice, draft, inputs__0__maximum="9000")
    page = text_of(alice.get(address(draft)))
    assert re.search(
        r'id="inputs-0-maximum-says">.{0,600}Was none: this needs a major version', page
    )


def test_strangers_see_nothing(draft):
    client = Client()
    client.force_login(factories.charlie())
    assert client.post(address(draft), form_of(draft)).status_code == 404


RISING, ANY_WAY = "its answer never falls as it rises", "its answer moves either way"


def test_an_answer_is_declared_to_rise_or_fall_with_an_input(alice, draft):
    page = alice.get(address(draft)).content.decode()
    assert "its answer never falls as it rises" in page
    save(
        alice,
        draft,
        inputs__0__monotone=RISING,
        inputs__1__monotone="its answer never rises as it rises",
    )
    assert [field.get("monotone") for field in draft.signature["inputs"]] == [
        "increasing",
        "decreasing",
    ]
    save(alice, draft, inputs__1__monotone=ANY_WAY)
    assert draft.signature["inputs"][1]["monotone"] is None
    response = save(alice, draft, inputs__0__monotone="sideways")
    assert response.status_code == 422 and "monotone in no known way" in text_of(response)
    assert draft.signature["inputs"][0]["monotone"] == "increasing"
    save(alice, draft, inputs__0__datatype="BYTES", inputs__0__example="a")
    assert draft.signature["inputs"][0]["monotone"] is None
