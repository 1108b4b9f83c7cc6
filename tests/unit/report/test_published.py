"""Published numbers beside measured ones: in their own columns, and never made up."""

import pandas as pd
import pytest

from tampo.report.published import beside

TABLE = pd.DataFrame(
    {
        "method": ["base", "tampo", "tampo"],
        "metric": ["pass@1", "pass@1", "pass@8"],
        "average": ["1.0 [0.0, 2.0]"] * 3,
        "sums": ["2.0 [0.0, 4.0]"] * 3,
        "num_seeds": ["3"] * 3,
    }
)


def published(folder, text):
    path = folder / "table1.csv"
    path.write_text(text)
    return path


def test_each_published_column_follows_ours(tmp_path):
    path = published(
        tmp_path,
        "method,metric,average,sums,other,source\n"
        "tampo,pass@1,44.5,,9,P\nbase,pass@1,39.10,1.0,9,S\nelse,pass@1,1,1,1,P\n",
    )
    found = beside(TABLE, path)
    assert list(found.columns) == [
        *("method", "metric", "average", "published_average", "sums", "published_sums"),
        *("num_seeds", "published_source"),
    ]
    assert found["published_average"].tolist() == ["39.10", "44.5", ""]
    assert found["published_sums"].tolist() == ["1.0", "", ""]
    assert found["published_source"].tolist() == ["S", "P", ""]
    assert found["average"].tolist() == TABLE["average"].tolist()


def test_a_table_that_was_not_published_stays_as_it_is(tmp_path):
    assert beside(TABLE, tmp_path / "none.csv") is TABLE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method,metric,average\nbase,pass@1,1\n", "no column source"),
        (
            "method,metric,source\nbase,pass@1,P\nbase,pass@1,S\n",
            "base pass@1 is duplicated",
        ),
    ],
)
def test_a_faulty_transcription_is_refused(tmp_path, text, message):
    path = published(tmp_path, text)
    with pytest.raises(ValueError, match=rf"table1\.csv: {message}"):
        beside(TABLE, path)
