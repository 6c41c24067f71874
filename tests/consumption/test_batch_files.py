"""Which files a batch evaluation reads, and what it says of those that it does not (docs/batch-evaluation.md, "Files")."""

import io

import duckdb
import openpyxl
import pytest

from consumption import actions
from tests import factories
from tests.consumption import evaluating
from tests.consumption.evaluating import again, amounts, evaluated, read, uploaded

pytestmark = pytest.mark.django_db
ROWS = [line.split(",") for line in amounts(60).splitlines()]


@pytest.fixture
def version(tmp_path):
    return evaluating.live(tmp_path)


def excel(rows=ROWS):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append([_number(cell) for cell in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _number(cell):
    try:
        return float(cell)
    except ValueError:
        return cell


def parquet(tmp_path, rows=ROWS):
    source, made = tmp_path / "rows.csv", tmp_path / "rows.parquet"
    source.write_text("\n".join(map(",".join, rows)))
    duckdb.sql(f"COPY (SELECT * FROM read_csv('{source}')) TO '{made}' (FORMAT parquet)")
    return made.read_bytes()


def german():
    """Semicolons, decimal commas, thousands grouped by points."""
    lines = [";".join(ROWS[0])]
    for income, debt, paid, employment in ROWS[1:]:
        numbers = [
            f"{float(cell):,.2f}".translate(str.maketrans(",.", ".,"))
            for cell in (income, debt, paid)
        ]
        lines.append(";".join([*numbers, employment]))
    return "\n".join(lines)


FILES = {
    "comma": lambda _: "\n".join(map(",".join, ROWS)).encode(),
    "tab, UTF-16": lambda _: "\n".join(map("\t".join, ROWS)).encode("utf-16"),
    "pipe, UTF-16 without a mark": lambda _: "\r\n".join(map("|".join, ROWS)).encode("utf-16-le"),
    "decimal comma, Latin-1": lambda _: (
        german().replace("salaried", "angestellt, größer").encode("latin-1")
    ),
    "byte order mark, quoted": lambda _: "\n".join(
        ",".join(f'"{cell}"' for cell in row) for row in ROWS
    ).encode("utf-8-sig"),
    "Excel": lambda _: excel(),
    "Parquet": parquet,
}


@pytest.mark.parametrize("kind", FILES)
def test_every_way_of_writing_the_same_rows_gives_the_same_figures(version, tmp_path, kind):
    done = evaluated(FILES[kind](tmp_path), [version])
    assert done.state == "succeeded", done.problem
    assert done.rows == done.results["used"] == 60
    expected = sum(abs(float(a) - float(b) - float(c)) for a, b, c, _ in ROWS[1:]) / 60
    assert done.results["figures"][0]["values"][0]["value"] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xd0\xcf\x11\xe0" + b"x" * 100, "Save it as .xlsx"),
        (b"\x1f\x8b" + b"x" * 100, "Unpack it"),
        (b"PK\x03\x04" + b"x" * 100, "cannot be read"),
        (b"PAR1" + b"x" * 100, "cannot be read"),
        (b"income,income\n1,2\n", "Two columns are called income"),
        (b"income,debt\n", "no row"),
        (",".join(map(str, range(501))).encode() + b"\n1\n", "501 columns"),
        (b"a,b\n" + b"1,2\n" * 200_001, "more than 200000 rows"),
        (b'a,b\n"' + b"x" * 70_000 + b'",2\n', "field larger"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_table_is_said_in_words(version, content, sentence):
    failed = read(uploaded(content, [version]))
    assert failed.state == "failed" and sentence in failed.problem


def test_a_wrong_guess_is_put_right(version):
    """A file whose first lines look like another delimiter is read again as the person says."""
    content = "income;debt;paid\n" + "1000,5;100,5;900\n" * 40
    found = read(uploaded(content, [version]))
    assert found.reading["decimal"] == "," and len(found.columns) == 3
    actions.read_again(factories.maya(), found, encoding="utf-8", delimiter="comma", decimal=".")
    found = read(found)
    assert [column["name"] for column in found.columns] != ["income", "debt", "paid"]
    actions.read_again(factories.maya(), found, encoding="", delimiter="", decimal="")
    done = evaluating.ran(evaluating.checked(read(found)))
    assert done.state == "succeeded" and done.results["used"] == 40


def test_rows_that_do_not_fit_are_counted_and_left_out(tmp_path):
    signature = factories.signature()
    signature["inputs"][0] |= {"minimum": 0, "maximum": 9000}
    version = evaluating.live(tmp_path, signature=signature)
    lines = amounts(60).splitlines()
    lines[3], lines[4], lines[5] = ",1,2,x", "lots,1,2,x", "99999,1,2,x"
    lines[6] = lines[7]
    lines[8] = "1,2"
    found = evaluating.checked(read(uploaded("\n".join(lines), [version])))
    (income, debt) = found.report["inputs"]
    assert (income["missing"], income["wrong_type"], income["out_of_range"]) == (1, 1, 1)
    assert (found.report["duplicates"], found.report["ragged"]) == (1, 1)
    assert found.report["versions"][0]["valid"] == found.report["shared"] == 57
    done = evaluating.ran(found)
    assert done.results["used"] == 57 and done.results["measured"] == 56  # one has no truth


def test_columns_that_nobody_chose_are_not_kept(version):
    secret = "a-cell-that-nobody-asked-for"
    content = "\n".join(f"{line},{secret}" for line in amounts(60).splitlines())
    found = evaluating.checked(read(uploaded(content, [version])))
    actions.start_evaluation(factories.maya(), found)
    files = evaluating.Files(again(found))
    assert not files.has("upload")
    kept = b"".join(str(files.read_json(name)).encode() for name in files.names("rows-"))
    assert b"income" in kept and secret.encode() not in kept


def test_what_looks_personal_is_confirmed_or_left_out(version):
    rows = amounts(60).splitlines()
    content = "\n".join(
        [rows[0] + ",contact"]
        + [f"{row},person{at}@bank-of-somewhere.com" for at, row in enumerate(rows[1:])]
    )
    found = read(uploaded(content, [version]))
    named = {column["name"]: column["personal"] for column in found.columns}
    assert "e-mail address" in named["contact"] and not named["income"]
    with pytest.raises(evaluating.Invalid, match="Confirm"):
        evaluating.checked(found, evaluating.MAPPING | {"groups": ("contact",)})
    assert evaluating.checked(found).state == "ready"  # left out: nothing to confirm
    again_found = read(uploaded(content, [version]))
    mapping = evaluating.MAPPING | {"groups": ("contact",)}
    assert evaluating.checked(again_found, mapping, confirms_personal=True).state == "ready"


def test_personal_values_are_replaced_before_anything_is_kept(version):
    rows = amounts(60).splitlines()
    people = [f"person{at % 3}@bank-of-somewhere.com" for at in range(60)]
    content = "\n".join(
        [rows[0] + ",contact"] + [f"{a},{b}" for a, b in zip(rows[1:], people, strict=True)]
    )
    mapping = evaluating.MAPPING | {"groups": ("contact",), "pseudonyms": ("contact",)}
    found = evaluating.checked(read(uploaded(content, [version])), mapping)  # nothing to confirm
    assert found.state == "ready"
    files = evaluating.Files(found)
    kept = [
        cell for name in files.names("rows-") for cell in files.read_json(name)["cells"]["contact"]
    ]
    assert len(kept) == 60 and len(set(kept)) == 3 and not any("person" in cell for cell in kept)
    another = evaluating.checked(read(uploaded(content, [version])), mapping)
    files = evaluating.Files(another)
    others = {
        cell for name in files.names("rows-") for cell in files.read_json(name)["cells"]["contact"]
    }
    assert not others & set(kept)  # each upload has a key of its own
    done = evaluating.ran(found)
    assert {one["group"] for one in done.results["groups"]} == set(kept)
    with pytest.raises(evaluating.Invalid, match="takes numbers"):
        evaluating.checked(
            read(uploaded(content, [version])), evaluating.MAPPING | {"pseudonyms": ("income",)}
        )
