"""Files: names that look like others, damaged archives, writers at once, links and modes, halves of a pair."""

import io
import os
import subprocess
import sys
import threading
import tracemalloc
import zipfile

import numpy as np
import pytest

import symgrad as sg
from symgrad.files import write_whole
from symgrad.training.fitting import check_callbacks

T = sg.dim("T")


def model_of(*names, shape=3):
    x = sg.data("x", shape, over=T)
    return sg.Model(sg.empirical_risk(sum(sg.sum((sg.parameter(name, shape) - x) ** 2) for name in names)))


NAMES = ("w", "w.npy", "w.npy.npy", "training/t", "training/m", "rule", "../w", "Δ w", "file", "T")


@pytest.mark.parametrize("fitted", [False, True])
def test_names_that_look_like_others_are_kept_apart(fitted, tmp_path):
    model = model_of(*NAMES)
    if fitted:
        model.fit({"x": np.ones((5, 3))}, epochs=1, progress=False)
    for k, name in enumerate(NAMES):
        model.parameters[name] = [k, 1, 2]
    other = model_of(*NAMES).load(model.save(tmp_path / "m.npz"))
    for name, array in model.parameters.items():
        np.testing.assert_array_equal(other.parameters[name], array)
    program = sg.generate(model.loss).load()
    program.save(tmp_path / "p.npz", dict(model.parameters))
    for name, array in program.started(tmp_path / "p.npz").items():
        np.testing.assert_array_equal(array, model.parameters[name])


def damaged(folder):
    """(what was done to a file, its bytes)."""
    model = model_of("w")
    model.fit({"x": np.ones((5, 3))}, epochs=1, progress=False)
    model.save(folder / "stored.npz")
    np.savez_compressed(folder / "packed.npz", w=np.zeros(3, "f4"))
    for name in ("stored", "packed"):
        good = (folder / f"{name}.npz").read_bytes()
        for at in range(0, len(good), 7):
            for bit in (1, 0x40, 0xFF):
                broken = bytearray(good)
                broken[at] ^= bit
                yield f"{name}, byte {at} ^ {bit}", bytes(broken)
        for end in (0, 1, 10, len(good) // 2, len(good) - 1):
            yield f"{name}, {end} bytes", good[:end]
    for kind in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", kind) as file:
            file.writestr("w.npy", b"\x93NUMPY\x01\x00 not a header")
        yield f"compression {kind}", content.getvalue()
    deep = b"{'descr':" + b"(" * 5000 + b",}"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("w.npy", b"\x93NUMPY\x01\x00" + len(deep).to_bytes(2, "little") + deep)
    yield "a deep header", content.getvalue()


def test_a_damaged_file_is_one_error_that_names_it(tmp_path):
    model, program = model_of("w"), sg.generate(model_of("w").loss).load()
    place = tmp_path / "b.npz"
    refused = 0
    for what, content in damaged(tmp_path):
        place.write_bytes(content)
        before = model.parameters["w"].copy()
        try:
            model.load(place)
        except sg.DataError as error:
            assert str(error).startswith(f"{str(place)!r}: "), (what, error)
            np.testing.assert_array_equal(model.parameters["w"], before, err_msg=what)
            refused += "damaged" in str(error)
        for read in (program.started, lambda path: program.resumed(path, np.random.default_rng())):
            try:
                read(str(place))
            except ValueError as error:
                assert str(error).startswith(f"{place}: "), (what, error)
    assert refused > 100


def test_encrypted_and_doubled_members_are_refused(tmp_path):
    good = model_of("w").save(tmp_path / "m.npz").read_bytes()
    flagged = good.replace(b"PK\x03\x04\x2d\x00\x00", b"PK\x03\x04\x2d\x00\x01").replace(
        b"PK\x01\x02\x2d\x03\x2d\x00\x00", b"PK\x01\x02\x2d\x03\x2d\x00\x01")
    assert flagged != good
    (tmp_path / "locked.npz").write_bytes(flagged)
    with pytest.raises(sg.DataError, match="locked.npz': damaged.*encrypted"):
        model_of("w").load(tmp_path / "locked.npz")
    with zipfile.ZipFile(tmp_path / "m.npz") as file, zipfile.ZipFile(tmp_path / "two.npz", "w") as two:
        with pytest.warns(UserWarning, match="Duplicate"):
            for _ in range(2):
                two.writestr("w.npy", file.read("w.npy"))
    with pytest.raises(sg.DataError, match="two.npz': damaged.*w.npy is there twice"):
        model_of("w").load(tmp_path / "two.npz")


def bomb(path, name, claimed):
    """A member of 128 megabytes in a few hundred kilobytes."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": claimed})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file, file.open(
            f"{name}.npy", "w", force_zip64=True) as member:
        member.write(head.getvalue())
        for _ in range(1 << 7):
            member.write(bytes(1 << 20))


def test_sizes_are_compared_before_anything_is_unpacked(tmp_path):
    bomb(tmp_path / "b.npz", "w", (1 << 24,))
    program = sg.generate(model_of("w").loss).load()
    bomb(tmp_path / "c.npz", "w", (3,))
    tracemalloc.start()
    with pytest.raises(sg.DataError, match="b.npz.*axis 0 must have length 3, got 16777216"):
        model_of("w").load(tmp_path / "b.npz")
    with pytest.raises(ValueError, match="b.npz: w: axis 0 has length 16777216, not 3"):
        program.started(str(tmp_path / "b.npz"))
    with pytest.raises(sg.DataError, match="c.npz': damaged.*the size of w.npy is not that of its array"):
        model_of("w").load(tmp_path / "c.npz")
    assert tracemalloc.get_traced_memory()[1] < 1 << 22
    tracemalloc.stop()


def test_numbers_that_are_none_are_refused(tmp_path):
    for value, words in ((np.nan, r"w holds NaN at \[1\]"), (1e300, r"w holds 1e\+300 at \[1\], too large for float32")):
        np.savez(tmp_path / "m.npz", w=np.array([0, value, 0]))
        with pytest.raises(sg.DataError, match=words):
            model_of("w").load(tmp_path / "m.npz")
    with pytest.raises(sg.DataError, match=r"data: x holds 1e\+300 at \[0, 1\], too large for float32"):
        model_of("w").fit({"x": np.array([[0, 1e300, 0]])}, progress=False)


# writers ----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["symgrad", "model", "program"])
def writer(request):
    """A function that writes a file at a path."""
    model = model_of("w")
    return {"symgrad": lambda path: write_whole(path, b"some text"), "model": model.save,
            "program": lambda path: sg.generate(model.loss).load().save(path, dict(model.parameters))}[request.param]


@pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")
def test_a_file_keeps_its_mode_and_a_link_stays_one(writer, tmp_path):
    private, link = tmp_path / "private.npz", tmp_path / "link.npz"
    private.write_bytes(b"old")
    private.chmod(0o600)
    link.symlink_to(private)
    writer(link)
    assert link.is_symlink() and private.read_bytes() != b"old" and private.stat().st_mode & 0o777 == 0o600
    dangling = tmp_path / "dangling.npz"
    dangling.symlink_to(tmp_path / "new.npz")
    before = os.umask(0o027)
    try:
        writer(dangling)
    finally:
        os.umask(before)
    assert dangling.is_symlink() and (tmp_path / "new.npz").stat().st_mode & 0o777 == 0o640
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dangling.npz", "link.npz", "new.npz", "private.npz"]


def test_the_umask_is_not_touched(writer, monkeypatch, tmp_path):
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("it is of the whole process"))
    writer(tmp_path / "m.npz")


@pytest.mark.skipif(os.name != "posix", reason="links and locks of POSIX")
def test_planted_links_are_not_followed_and_leftovers_go(writer, tmp_path):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "m.npz.part").symlink_to(tmp_path / "victim")
    left = tmp_path / ".m.npz.0123abcd.part"
    left.write_bytes(b"of a writer that was killed")
    writer(tmp_path / "m.npz")
    assert (tmp_path / "victim").read_text() == "mine" and not (tmp_path / "m.npz").is_symlink()
    assert not left.exists() and len(list(tmp_path.iterdir())) == 3


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")
def test_many_writers_leave_one_whole_file(writer, tmp_path):
    place, broken = tmp_path / "m.npz", []
    writer(place)

    def work():
        for _ in range(30):
            try:
                writer(place)
                if place.read_bytes() != b"some text":
                    with np.load(place) as file:
                        assert file["w"].shape == (3,)
            except Exception as error:  # whatever it is, it should not be
                broken.append(error)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert not broken and [p.name for p in tmp_path.iterdir()] == ["m.npz"]


@pytest.mark.skipif(os.name != "posix", reason="a name of so many bytes")
def test_long_names_and_names_that_are_none(writer, tmp_path):
    name = "é" * 125 + ".npz"
    writer(tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_name_with_a_nul_is_refused(tmp_path):
    with pytest.raises(sg.SymgradError, match="no name of a file holds a NUL"):
        model_of("w").save(f"{tmp_path}/a\0b.npz")
    with pytest.raises(sg.SymgradError, match="cannot write"):
        model_of("w").save(tmp_path / ("a" * 300))


def test_a_failing_writer_leaves_what_was_there(tmp_path):
    model, place = model_of("w"), tmp_path / "p.npz"
    program = sg.generate(model.loss).load()
    program.save(place, dict(model.parameters))
    before = place.read_bytes()
    with pytest.raises(ValueError, match="pickle|Object"):
        program.save(place, {"w": np.array([object()])})
    assert place.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_a_program_does_not_run_with_constants_of_another_version(tmp_path):
    def source(seed):
        C = sg.constant(np.random.default_rng(seed).standard_normal((20, 5)), name="C")
        return sg.generate(sg.sum((C @ sg.parameter("w", 5) - 1) ** 2))

    old, new = tmp_path / "old.py", tmp_path / "new.py"
    source(0).save(old)
    source(1).save(new)
    os.replace(tmp_path / "new.constants.npz", tmp_path / "old.constants.npz")
    done = subprocess.run([sys.executable, old, "--help"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(f"old.constants.npz does not belong to this version of {old}; save both again")


# what was learnt --------------------------------------------------------------------------------------------


def test_no_callbacks_are_fine():
    history = model_of("w").fit({"x": np.ones((5, 3))}, callbacks=None, epochs=2, progress=False)
    assert len(history) == 2 and check_callbacks(None) == []
    with pytest.raises(sg.SymgradError, match="callback 3 cannot be called"):
        model_of("w").fit({"x": np.ones((5, 3))}, callbacks=3, progress=False)


def test_a_history_has_whole_epochs_only(monkeypatch, tmp_path):
    model = model_of("w")

    class Curve(list):
        def append(self, value):
            if len(self) == 2:
                raise KeyboardInterrupt
            super().append(value)

    def begin(training):
        training.history.curves["gradient_norm"] = Curve()

    class Callback:
        def __call__(self, training):
            pass

    callback = Callback()
    callback.begin = begin
    history = model.fit({"x": np.ones((5, 3))}, callbacks=[callback], epochs=5, progress=False)
    assert history.interrupted and len(history) == 2
    assert {len(curve) for curve in (*history.curves.values(), *history.norms.values())} == {2}
    history.to_csv(tmp_path / "h.csv")


def test_crc_is_what_guards_the_data(tmp_path):
    place = model_of("w").save(tmp_path / "m.npz")
    content = place.read_bytes()
    at = content.index(b"\x93NUMPY") + 128
    assert content[at:at + 12] == np.zeros(3, "f4").tobytes()
    place.write_bytes(content[:at] + b"\1" + content[at + 1:])
    with pytest.raises(sg.DataError, match="m.npz': damaged.*Bad CRC-32"):
        model_of("w").load(place)
