"""Images and labels of the user's own: what is read, and what a mistake in the file costs."""

import csv
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
import yaml
import zarr
from conftest import TINY, Command, one_error, rows

from sshml import load_classifier
from sshml.data import ArraysDataModule, DensityProfile, Split, SSHDataModule
from sshml.errors import ConfigError

Content = dict[str, Any]
N = 60
# As TINY, for images whose sizes and sets are the file's.
OF_CHAINS = ("data.n_",)
OWN = tuple(o for o in TINY if not o.startswith(OF_CHAINS))


def content(n: int = N, height: int = 12, width: int = 10) -> Content:
    """Noise, brighter on the left or on the right."""
    generator = np.random.default_rng(0)
    labels = np.arange(n) % 2
    images = generator.random((n, height, width)).astype(np.float32)
    images[labels == 1, :, : width // 2] += 1
    images[labels == 0, :, width // 2 :] += 1
    return {"images": images, "labels": labels, "U": np.linspace(0, 4, n), "run": np.arange(n) // 20}


def write(path: Path, arrays: Content) -> Path:
    """A file of the kind that its ending says."""
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".zarr":
        group = zarr.open_group(str(path), mode="w")
        for name, array in arrays.items():
            group.create_array(name, data=np.asarray(array))
    else:
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                values = np.asarray(array)
                file[name] = values.astype("S") if values.dtype.kind == "U" else values
    return path


@pytest.mark.parametrize("ending", ["npz", "h5", "hdf5", "zarr"])
def test_batches_are_the_images_labels_and_parameters_of_the_file(tmp_path: Path, ending: str) -> None:
    given = content()
    given["split"] = np.array(["train", "val", "test"] * (N // 3))
    given["classes"] = np.array(["right", "left"])
    if ending == "zarr":  # which has no text of a fixed length in version 3
        given["split"] = np.array([0, 1, 2] * (N // 3))
        del given["classes"]
    path = write(tmp_path / f"a b=1,c.{ending}", given)
    data = ArraysDataModule(path=str(path), batch_size=7)
    assert data.classes == (("class 0", "class 1") if ending == "zarr" else ("right", "left"))
    assert data.shape == (1, 12, 10)
    assert list(data.known_parameters) == ["U", "run"] or list(data.known_parameters) == ["run", "U"]
    data.check()
    for split in Split:
        batch = data.dataset(split).__getitems__([3, 0, 3, 9])
        rows = np.arange(split, N, 3)[[3, 0, 3, 9]]
        np.testing.assert_array_equal(batch["input"][:, 0], given["images"][rows])
        assert (
            batch["label"].tolist()
            == batch["labels"]["label"].tolist()
            == given["labels"][rows].tolist()
        )
        assert batch["parameters"]["U"].tolist() == pytest.approx(given["U"][rows])
        assert batch["index"].tolist() == [3, 0, 3, 9]
    epochs = [
        [i for batch in data.train_dataloader() for i in batch["index"].tolist()] for _ in range(2)
    ]
    assert sorted(epochs[0]) == list(range(N // 3))


def test_sets_are_drawn_by_the_seed_in_the_shares_asked_for(tmp_path: Path) -> None:
    path = str(write(tmp_path / "x.npz", content()))

    def drawn(**settings: Any) -> list[list[float]]:
        data = ArraysDataModule(path=path, **settings)
        return [data.dataset(split).parameters()["U"].tolist() for split in Split]

    first = drawn(seed=1)
    assert [len(part) for part in first] == [42, 6, 12]
    assert sorted(itertools.chain(*first)) == pytest.approx(content()["U"])
    assert drawn(seed=1) == first != drawn(seed=2)
    assert [len(part) for part in drawn(shares=(0, 0, 1))] == [0, 0, N]


def test_of_a_file_larger_than_the_memory_only_a_batch_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.h5"
    n = 3_000_000
    with h5py.File(path, "w") as file:  # 120 GB, of which the disk has what was written
        images = file.create_dataset("images", (n, 100, 100), "f4", chunks=(1, 100, 100), fillvalue=0.5)
        images[n - 1] = 2.0
        file["labels"] = np.arange(n, dtype=np.int8) % 2
    data = ArraysDataModule(path=str(path), shares=(0, 0, 1))
    batch = data.dataset(Split.TEST).__getitems__([n - 1, 5])
    assert batch["input"].shape == (2, 1, 100, 100)
    assert batch["input"].amax(dim=(1, 2, 3)).tolist() == [2.0, 0.5]


def changed(**changes: Any) -> Content:
    return {name: of for name, of in (content() | changes).items() if of is not None}


def with_value(name: str, row: int, value: float) -> Content:
    found = content()
    array = found[name].astype(float)
    array[row] = value
    return found | {name: array}


@pytest.mark.parametrize(
    ("wrong", "settings", "line"),
    [
        (changed(images=None), {}, "data.images=images: the file has no array of this name; it has l"),
        (changed(labels=None), {}, "data.labels=labels: the file has no array of this name; it has i"),
        (changed(), {"labels": "U"}, "data.labels=U: U[1] is 0.06779"),
        (changed(images=np.ones((N, 5))), {}, "is float64 of shape (60, 5); expected real numbers of"),
        (changed(images=np.ones((N, 5, 5), complex)), {}, "is complex128"),
        (changed(labels=np.arange(N - 1) % 2), {}, "expected whole numbers of shape (60,)"),
        (with_value("images", 17, np.nan), {}, "images[17] has a value that is not finite"),
        (changed(images=np.full((N, 4, 4), -1)), {"representation": DensityProfile()}, "a negative"),
        (with_value("labels", 7, -1), {}, "labels[7] is -1.0"),
        (with_value("labels", 7, np.nan), {}, "labels[7] is nan"),
        (with_value("labels", 7, 3), {}, "no label is 2, but one is 3"),
        (with_value("labels", 7, 2), {"classes": ["a", "b"]}, "[7] is 2; expected labels below 2"),
        (changed(labels=np.zeros(N, int)), {}, "all are 0; expected at least two classes"),
        (with_value("U", 4, np.inf), {}, "U[4] is not finite"),
        (changed(), {"parameters": ["T"]}, "data.parameters=[T]: the file has no array"),
        (changed(split=["val", "tset"] * 30), {}, "split[1] is tset; expected train, val, test"),
        (changed(), {"shares": (0.5, 0.1, 0.1)}, "expected three shares that add up to 1"),
        (changed(), {"shape": (1, 5, 5), "parameters": [], "classes": ["a", "b"]}, "are 1x12x10"),
        (changed(images=np.ones((N, 5, 5))), {"representation": DensityProfile()}, "of 5x5 cannot be"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_one_line_with_its_row(
    tmp_path: Path, wrong: Content, settings: dict[str, Any], line: str
) -> None:
    path = write(tmp_path / "x.npz", wrong)
    with pytest.raises(ConfigError) as error:
        ArraysDataModule(path=str(path), **settings).check()
    assert line in str(error.value)
    assert "\n" not in str(error.value)


def damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:300])


def pickled(path: Path) -> None:
    np.savez(path, images=np.array([print], dtype=object), labels=np.zeros(1))


@pytest.mark.parametrize(
    ("name", "harm", "line"),
    [
        ("x.npz", damaged, "cannot be read"),
        ("x.h5", damaged, "cannot be read"),
        ("x.npz", Path.unlink, "there is no such file"),
        ("x.npz", pickled, "allow_pickle=False"),
        ("x.csv", Path.touch, "expected a file with one of the endings .npz, .h5, .hdf5, .zarr"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(
    run_train: Command, tmp_path: Path, name: str, harm: Callable[[Path], None], line: str
) -> None:
    path = tmp_path / name
    if path.suffix != ".csv":
        write(path, content())
    harm(path)
    found = one_error(run_train(*OWN, "data=arrays", f"data.path={path}"))
    assert found.startswith(f"error: data.path={path}: ")
    assert line in found
    assert not list(tmp_path.glob("runs/*/*"))


def test_a_foreign_file_is_trained_on_with_maps_and_curves(run_train: Command, tmp_path: Path) -> None:
    write(tmp_path / "N=150_g=1.05, run 2.npz", content(400))
    done = run_train(
        *OWN, "data=arrays", "data.path=N=150_g=1.05, run 2.npz", "trainer.max_epochs=4", "figures=true"
    )
    assert done.status == 0, done.err
    assert done.metrics["test/accuracy"] == 1
    pictures = {path.stem for path in (done.folder / "figures").iterdir()}
    assert pictures == {
        "learning_curves", "profiles", "confusion_matrix", "maps_test", "accuracy_by_U",
        "accuracy_by_run",
    }  # fmt: skip


def test_images_may_have_channels_and_classes_any_number(run_train: Command, tmp_path: Path) -> None:
    labels = np.arange(300) % 3
    images = np.random.default_rng(0).random((300, 3, 8, 9))
    images[np.arange(300), labels] += 1
    write(tmp_path / "rgb.npz", {"images": images, "labels": labels})
    done = run_train(
        *OWN,
        "data=arrays",
        "data.path=rgb.npz",
        "trainer.max_epochs=6",
        "optimizer.lr=0.01",
        "figures=true",
    )
    assert done.status == 0, done.err
    assert done.metrics["test/accuracy"] == 1
    weights = torch.load(done.folder / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    assert weights["network.features.0.weight"].shape[1] == 3
    assert weights["network.head.weight"].shape[0] == 3


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ("", "data.path: missing; set data.path=VALUE"),
        ("data.path=x.npz data.shares=[1,0,0]", "data: has no samples for validation"),
        ("data.path=x.npz data.n_cells=9", "data.n_cells=9: no such key"),
        ("data.path=x.npz augmentation=zero_modes", "zero_modes: needs chains of SSH"),
        ("data.path=x.npz augmentation=site_reversal", "needs images whose rows are sites"),
        ("data.path=x.npz data.batch_size=1000000000000", "GB, the memory of this machine"),
        ("data.path=x.npz +model.n_classes=3", "the data have 2 classes"),
        ("data.path=x.npz +model.in_channels=3", "the data have 1 channels"),
        ("representation=image data=ssh", "Image: is for images from a file"),
    ],
)
def test_settings_that_do_not_go_with_a_file_are_one_line(
    run_train: Command, tmp_path: Path, overrides: str, line: str
) -> None:
    write(tmp_path / "x.npz", content())
    assert line in one_error(run_train(*OWN, "data=arrays", *overrides.split()))
    assert not list(tmp_path.glob("runs/*/*"))


def test_a_network_is_read_without_the_file_that_it_was_trained_on(
    run_train: Command, tmp_path: Path
) -> None:
    from sshml.trained import TrainedNetwork

    path = write(tmp_path / "x.npz", content())
    done = run_train(*OWN, "data=arrays", "data.path=x.npz")
    assert done.status == 0, done.err
    path.unlink()
    trained = TrainedNetwork(done.folder / "checkpoints" / "best.ckpt")
    assert trained.data_module().classes == ("class 0", "class 1")
    assert trained.logits(torch.zeros(1, 1, 12, 10)).shape == (1, 2)
    with pytest.raises(ConfigError, match="there is no such file"):
        trained.data_module().dataset(Split.TEST)


def test_chains_in_a_file_are_as_those_that_are_made(tmp_path: Path) -> None:
    made = SSHDataModule(n_cells=6, n_test=20).dataset(Split.TEST).__getitems__(range(20))
    arrays = {"images": made["input"].numpy(), "labels": made["label"].numpy()}
    path = write(tmp_path / "x.h5", arrays | {"ratio": made["parameters"]["ratio"].numpy()})
    data = ArraysDataModule(path=str(path), shares=(0, 0, 1), representation=DensityProfile())
    data.check()
    read = data.dataset(Split.TEST).__getitems__(range(20))
    assert torch.equal(read["input"], made["input"])
    assert torch.equal(read["parameters"]["ratio"], made["parameters"]["ratio"])


def chains(path: Path, n: int = 60) -> Path:
    """SSH chains as somebody else's measurement."""
    module = SSHDataModule(n_cells=8, W=[0, 0.5], n_test=n)
    made = module.dataset(Split.TEST).__getitems__(range(n))
    parameters = {name: values.numpy() for name, values in made["parameters"].items()}
    return write(
        path, {"images": made["input"][:, 0].numpy(), "labels": made["label"].numpy(), **parameters}
    )


TO_FILE = ("data=arrays", "data.path=my chains.h5", "data.shares=[0,0,1]")


def test_a_network_of_made_chains_is_tested_on_a_file(
    run_train: Command, run_transfer: Command, tmp_path: Path
) -> None:
    chains(tmp_path / "my chains.h5")
    source = run_train(*TINY)
    checkpoint = source.folder / "checkpoints" / "best.ckpt"
    done = run_transfer(f"checkpoint={checkpoint}", *TO_FILE, "logger=csv")
    assert done.status == 0, done.err
    assert "label 0: class 0 corresponds to trivial of the network" in done.out
    found = {row["method"]: row for row in rows(done)}
    assert set(found) == {"network", "brightest_pixel", "edge_weight", "sublattice_separation"}
    network = found["network"]
    assert (network["W"], network["n"], network["accuracy_sample"], network["ceiling"]) == (
        None,
        60,
        None,
        None,
    )
    # As one would compute it by hand.
    data = ArraysDataModule(path="my chains.h5", shares=(0, 0, 1))
    batch = data.dataset(Split.TEST).__getitems__(range(60))
    with torch.inference_mode():
        logits = load_classifier(checkpoint)(batch["input"])
    assert network["accuracy"] == (logits.argmax(1) == batch["label"]).double().mean().item()
    with (done.folder / "predictions.csv").open() as file:
        told = list(csv.DictReader(file))
    assert [int(row["row"]) for row in told] == list(range(60))
    assert [float(row["p(topological)"]) for row in told] == pytest.approx(
        logits.softmax(1)[:, 1].tolist(), abs=1e-5
    )
    pictures = {path.stem for path in (done.folder / "figures").iterdir()}
    assert pictures == {"maps_W0_seed0", "confusion_matrix", "accuracy_by_ratio", "accuracy_by_W"}
    again = run_transfer(f"resume={done.folder}")
    assert again.status == 0, again.err
    assert rows(again) == rows(done)


def test_methods_adapt_to_a_file(run_train: Command, run_transfer: Command, tmp_path: Path) -> None:
    chains(tmp_path / "my chains.h5")
    checkpoint = run_train(*TINY).folder / "checkpoints" / "best.ckpt"
    methods = (
        "{plain:{},tuned:{transfer:{_target_:sshml.transfer.methods.FineTune,n_samples:20,epochs:2}},"
        "normed:{transfer:{_target_:sshml.transfer.methods.BatchNormStatistics,n_samples:20}}}"
    )
    given = (f"checkpoint={checkpoint}", *TO_FILE, "logger=csv", f"methods={methods}")
    line = one_error(run_transfer(*given))
    assert "methods.tuned: transfer.n_samples=20: the target's training set has only 0 samples" in line
    done = run_transfer(*given, "data.shares=[0.5,0,0.5]")
    assert done.status == 0, done.err
    assert {row["method"] for row in rows(done)} >= {"plain", "tuned", "normed"}
    assert {path.name for path in done.folder.glob("predictions_*.csv")} == {
        "predictions_plain.csv", "predictions_tuned.csv", "predictions_normed.csv"
    }  # fmt: skip


def test_a_network_of_a_file_is_tested_on_it_and_on_another(
    run_train: Command, run_transfer: Command, tmp_path: Path
) -> None:
    write(tmp_path / "one.npz", content())
    write(tmp_path / "two.npz", content(80))
    source = run_train(*OWN, "data=arrays", "data.path=one.npz", "trainer.max_epochs=4")
    given = (f"checkpoint={source.folder}/checkpoints/best.ckpt", "logger=csv")
    own = run_transfer(*given)
    assert own.status == 0, own.err
    (row,) = rows(own)
    assert (row["n"], row["train_W"], row["accuracy"]) == (12, "one", source.metrics["test/accuracy"])
    other = run_transfer(*given, "data=arrays", "data.path=two.npz", "data.shares=[0,0,1]")
    assert other.status == 0, other.err
    assert rows(other)[0]["n"] == 80
    (tmp_path / "one.npz").unlink()
    alone = run_transfer(*given, "data=arrays", "data.path=two.npz", "data.shares=[0,0,1]")
    assert alone.status == 0, alone.err
    assert rows(alone)[0]["accuracy"] == rows(other)[0]["accuracy"]
    assert rows(alone)[0]["accuracy_source"] is None


def test_another_file_may_have_other_sizes_and_parameters_but_not_classes_in_another_order(
    run_train: Command, run_transfer: Command, tmp_path: Path
) -> None:
    write(tmp_path / "one.npz", {**content(), "classes": np.array(["right", "left"])})
    source = run_train(*OWN, "data=arrays", "data.path=one.npz")
    given = (f"checkpoint={source.folder}/checkpoints/best.ckpt", "data=arrays", "logger=csv")
    other = {**content(80, 14, 16), "classes": np.array(["right", "left"])}
    other["pressure"] = other.pop("U")
    write(tmp_path / "two.npz", other)
    done = run_transfer(*given, "data.path=two.npz")
    assert done.status == 0, done.err
    assert "images of 14x16: the network was trained on 12x10" in done.out
    assert "testing on 16 of 80 images" in done.out
    assert (done.folder / "figures" / "accuracy_by_pressure.png").is_file()
    write(tmp_path / "three.npz", {**other, "classes": np.array(["left", "right"])})
    line = one_error(run_transfer(*given, "data.path=three.npz"))
    assert "has the classes left, right, and the network right, left" in line
    line = one_error(run_transfer(*given, "data.path=three.npz", "data.classes=[right,left]"))
    assert "the file names its classes left, right; omit it" in line
    write(tmp_path / "four.npz", {**other, "classes": np.array(["gas", "liquid"])})
    renamed = run_transfer(*given, "data.path=four.npz")
    assert renamed.status == 0, renamed.err
    assert "label 0: gas corresponds to right of the network" in renamed.out


def test_a_network_of_made_chains_is_tested_on_any_images(
    run_train: Command, run_transfer: Command, tmp_path: Path
) -> None:
    write(tmp_path / "any.npz", content(60, 15, 18))
    checkpoint = run_train(*TINY).folder / "checkpoints" / "best.ckpt"
    done = run_transfer(
        f"checkpoint={checkpoint}",
        "data=arrays",
        "data.path=any.npz",
        "data.shares=[0,0,1]",
        "logger=csv",
    )
    assert done.status == 0, done.err
    assert "images of 15x18 cannot be a density profile" in done.out
    assert {row["method"] for row in rows(done)} == {"network"}


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ("data.classes=[a,b,c]", "the 3 classes a, b, c; expected the 2 of the network"),
        ("phase_diagram=3", "phase_diagram=3: needs chains that are generated"),
        ("report=[fig5]", "report=fig5: needs density profiles of SSH chains"),
        ("data.path=no.h5", "there is no such file"),
        ("data.W=0.5", "data.W=0.5: no such key"),
    ],
)
def test_what_cannot_be_tested_on_a_file_is_one_line(
    run_train: Command, run_transfer: Command, tmp_path: Path, overrides: str, line: str
) -> None:
    chains(tmp_path / "my chains.h5")
    checkpoint = run_train(*TINY).folder / "checkpoints" / "best.ckpt"
    assert line in one_error(run_transfer(f"checkpoint={checkpoint}", *TO_FILE, overrides))


def test_parameters_may_be_many_and_have_names_of_columns(
    run_train: Command, run_transfer: Command, tmp_path: Path
) -> None:
    many = {f"T{k}": np.linspace(0, 1, N) for k in range(8)}
    write(tmp_path / "many.npz", {**content(), **many, "predicted": np.arange(N)})
    source = run_train(*OWN, "data=arrays", "data.path=many.npz")
    given = (f"checkpoint={source.folder}/checkpoints/best.ckpt", "logger=csv", "figures=false")
    done = run_transfer(*given)
    assert done.status == 0, done.err
    head = (done.folder / "predictions.csv").read_text().splitlines()[0].split(",")
    assert len(set(head)) == len(head)
    assert "predicted of the file" in head


def test_a_schedule_of_the_whole_run_has_the_steps_of_the_file(
    run_train: Command, tmp_path: Path
) -> None:
    write(tmp_path / "one.npz", content())
    given = ("data=arrays", "data.path=one.npz", "scheduler=one_cycle", "trainer.max_epochs=3")
    done = run_train(*OWN, *given)
    assert done.status == 0, done.err
    stored = yaml.safe_load((done.folder / "config.yaml").read_text())
    # 0.7 of 60 images.
    assert stored["scheduler"]["total_steps"] == 3 * -(-42 // stored["data"]["batch_size"])


def test_made_chains_are_no_share_of_a_file(
    run_train: Command, run_transfer: Command, tmp_path: Path
) -> None:
    chains(tmp_path / "my chains.h5")
    source = run_train(*OWN, "data=arrays", "data.path=my chains.h5")
    given = (f"checkpoint={source.folder}/checkpoints/best.ckpt", "data=transfer", "data.W=[0]")
    done = run_transfer(*given, "representation=density_profile", "data.n_cells=8", "data.n_test=20",
                        "logger=csv", "figures=false")  # fmt: skip
    assert done.status == 0, done.err
    assert "data.shares" not in done.out


def test_a_study_trains_on_no_file(run_transfer: Command, tmp_path: Path) -> None:
    chains(tmp_path / "my chains.h5")
    assert "train with python train.py" in one_error(run_transfer(*TO_FILE, "logger=csv"))


def test_questions_about_made_chains_are_not_asked_of_a_network_of_a_file(
    run_train: Command, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from sshml.explain.__main__ import main as explain
    from sshml.uncertainty.__main__ import main as uncertainty

    write(tmp_path / "x.npz", content())
    runs = [run_train(*OWN, "data=arrays", "data.path=x.npz", f"seed={seed}") for seed in (0, 1)]
    networks = [str(run.folder / "checkpoints" / "best.ckpt") for run in runs]
    for command in (explain, uncertainty):
        assert command(networks) == 2
        error = capfd.readouterr().err
        assert (
            "was trained on data from a file, but this program tests networks on chains generated"
            in error
        )
        assert error.count("\n") == 1
