"""The builder of networks: recipes from forms, data from tables, a training in pictures, its report."""

import re

import numpy as np
import pytest

from symgrad.graphs.errors import DataError, SymgradError
from symgrad.page.learning import built, described_network, trained_network
from symgrad.page.pool import Workers
from symgrad.page.recipe import NetworkPlan, recipe_of
from symgrad.page.samples import MAKERS, samples_of, table_samples
from symgrad.page.sets import TITLES, present

TABLE = "length,width,kind\n" + "\n".join(f"{i},{i % 3},{'long' if i > 10 else 'short'}" for i in range(20))


def test_every_set_that_is_offered_can_be_made():
    assert set(MAKERS) == set(TITLES)
    for name in present():
        samples = samples_of(name)
        assert len(samples.X) == len(samples.y) and samples.X.ndim == 2 and np.isfinite(samples.X).all()
        assert not samples.classes or set(samples.y.tolist()) == set(range(len(samples.classes)))


def test_a_table_says_whether_it_has_classes_or_numbers():
    found = table_samples(TABLE)
    assert found.classes == ("long", "short") and found.X.shape == (20, 2) and found.y[0] == 1
    assert np.allclose(found.X.mean(0), 0) and np.allclose(found.X.std(0), 1)
    numbers = table_samples("\n".join(f"{i};{i * 0.37}" for i in range(30)))
    assert numbers.classes == () and numbers.outputs == 1 and len(numbers.X) == 30
    assert table_samples("\n".join(f"{i}\t{i % 2}" for i in range(9))).classes == ("0", "1")


@pytest.mark.parametrize(("table", "said"), [
    ("a", "one column"), ("1,2\n3,4", "has 2 samples"), ("a,b\n1,x\n2,y\n3,x\n,y\n5,x", "row 5, column 1 of the table: '' is no finite"),
    ("1,x\n2,y\n3\n4,x", "row 3 of the table has 1 cells, the first has 2"), ("1,x\n2,x\n3,x\n4,x", "has 1 classes"),
    ("1,nan\n2,x\n3,y\n4,inf\n" + "\n".join(f"5,c{i}" for i in range(50)), "has 54 classes"),
    ("1,x\nnan,y\n3,x\n4,y", "row 2, column 1 of the table: 'nan' is no finite number")])
def test_a_table_that_is_none_is_told_where(table, said):
    with pytest.raises(DataError, match=re.escape(said)):
        table_samples(table)


@pytest.mark.parametrize(("fields", "said"), [
    ([("layer", "magic")], "layer: 'magic' is not known here; there are linear, tanh"),
    ([("layer", "linear"), ("units", "1e9")], "units: '1e9' is no whole number from 1 to 512"),
    ([("epochs", "0")], "epochs: '0' is no whole number from 1 to 2,000"), ([("rate", "nan")], "rate: 'nan' is no number above 0"),
    ([("layer", "tanh")] * 13, "13 layers; 12 are the most"), ([("optimizer", "__class__")], "optimizer: '__class__'"),
    ([("data", "x"), ("table", "1" * 4_000_001)], "4,000,001 characters")])
def test_a_form_that_is_wrong_is_one_message(fields, said):
    with pytest.raises(SymgradError, match=re.escape(said)):
        recipe_of(fields)


def test_every_layer_of_the_list_can_be_built_and_differentiated():
    layers = (("linear", 5), ("tanh", 0), ("relu", 0), ("sigmoid", 0), ("gelu", 0), ("silu", 0), ("softplus", 0),
              ("layer_norm", 0), ("dropout", 0))
    (_, html), = described_network(NetworkPlan("rings", layers))
    assert "<svg" in html and html.count("<math") >= 4 and "numbers to be learnt" in html


def test_a_loss_that_does_not_fit_the_data_is_refused():
    with pytest.raises(SymgradError, match="have classes"):
        built(NetworkPlan("spirals", loss="huber"))
    with pytest.raises(SymgradError, match="numbers to be predicted"):
        built(NetworkPlan("wave", loss="cross_entropy"))
    with pytest.raises(DataError, match="no data called 'nothing'"):
        built(NetworkPlan("nothing"))


@pytest.mark.parametrize("plan", [
    NetworkPlan("spirals", epochs=4), NetworkPlan("wave", epochs=3, loss="huber", optimizer="momentum"),
    NetworkPlan("csv", table=TABLE, epochs=2, optimizer="sgd"), NetworkPlan("rings", (), epochs=3, optimizer="lbfgs")],
    ids=lambda plan: plan.data)
def test_a_training_has_pictures_a_report_and_an_end(plan):
    parts = list(trained_network(plan))
    names = [name for name, _ in parts]
    assert names[0] == "shot" and names[-2:] == ["report", "last"]
    assert parts[-3][1].count("<svg") == (2 if plan.data == "wave" else 3)  # the answers, the loss, the accuracy
    assert plan.optimizer == "lbfgs" or f"epoch {plan.epochs}</b> of {plan.epochs}" in parts[-3][1]
    assert parts[-2][1].startswith("<!DOCTYPE html>") and "Training" in parts[-2][1]


def test_over_the_server_a_network_is_shown_trained_and_reported():
    pytest.importorskip("httpx")
    client_of = pytest.importorskip("starlette.testclient").TestClient
    application = pytest.importorskip("symgrad.page.app").application
    address = "http://127.0.0.1:8765"
    with client_of(application("127.0.0.1", 8765, Workers(30)), base_url=address) as client:
        page = client.get("/network").text
        assert "What it computes" in page and page.rstrip().endswith("</html>")
        form = {"data": "wave", "layer": ["linear", "tanh", ""], "units": ["6", "", ""], "epochs": "3"}
        trained = client.post("/network/train", data=form, headers={"origin": address}).text
        assert "Learnt" in trained and trained.count('class="shot"') >= 1
        (report,) = re.findall(r'href="(/network/report/\d+)"', trained)
        assert "A network on wave: Linear 6, Tanh, Linear" in client.get(report).text
        again = re.findall(r'href="(/network\?[^"]+)"', trained)[0].replace("&amp;", "&")
        assert '<option value="tanh" selected>' in client.get(again).text
        assert client.get("/network/report/99").status_code == 404
        assert client.post("/network/train", data=form, headers={"origin": "null"}).status_code == 403
        assert client.get("/network/train").status_code == 405
        wrong = client.post("/network/train", data={"data": "csv", "table": "1,<b>\n2,y\n3,y\n<i>,y"})
        assert wrong.status_code == 200 and "row 4, column 1" in wrong.text and "<i>" not in wrong.text.replace("<i>", "", 0)
        assert "units: &#39;x&#39; is no whole number" in client.post(
            "/network", data={"layer": "linear", "units": "x"}).text
        assert client.post("/network", content=b"\xff\xfe").status_code == 400
        assert client.post("/network", content=b"a=" + b"x" * (17 << 20)).status_code == 413
