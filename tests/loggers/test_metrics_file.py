"""The values of every epoch, in metrics.csv."""

from pathlib import Path

from sshml.tracking import MetricsFile


def test_metrics_file_merges_an_epoch_and_replaces_it_when_done_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    first = MetricsFile(path, n_epochs=2)
    first.log_metrics({"epoch": 1, "val/loss": 0.5})
    first.log_metrics({"epoch": 1, "train/loss": 0.25})
    first.log_metrics({"epoch": 2, "val/loss": 0.4})
    resumed = MetricsFile(path, n_epochs=2)
    resumed.log_metrics({"epoch": 2, "val/loss": 0.3})
    resumed.log_metrics({"epoch": 3, "test/accuracy": 1.0})
    assert path.read_text() == "epoch,train/loss,val/loss\n1,0.25,0.5\n2,,0.3\n"
    assert resumed.test == {"test/accuracy": 1.0}
