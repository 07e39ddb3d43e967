"""The command line: `regions report`, `regions count` and `regions plot`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

from regions._interrupts import status_of_command
from regions._version import __version__
from regions.errors import EngineError, OptionError, RegionsError

__all__ = ["main"]

_DESCRIPTION = """\
Exact activation regions of piecewise-linear neural networks in the plane.

An activation region is a full-dimensional set of inputs on which every hidden neuron keeps its activation pattern.
"""
_EXAMPLES = """\
examples:
  regions report                                   shallow 2-20-1 against deep 2-5-5-5-5-1, into region-report/
  regions report --seeds 3 --bounds 10 -o quick    three seeds, one square, into quick/
  regions count model.npz --bound 10               the number of activation regions in [-10, 10]²
  regions plot model.npz --bound 10 -o model.svg   a picture of them
  regions count state.pt --layers relu --bound 10  of a state dict, with ReLU between its layers
"""
_REPORT_EXAMPLES = """\
examples:
  regions report
  regions report --shallow-widths 2,40,1 --deep-widths 2,10,10,10,10,1
  regions report --activation abs --seeds 0,7,42 --bounds 1,5
  regions report --model model.npz --bounds 10

The exit status is 0 when every cross-check passed, 1 when one did not (the report is written all the
same), 2 when something is wrong with what was asked for, 130 when interrupted.
"""
_MODEL_HELP = (
    "a saved model of two inputs: an .npz file (regions.Network.save, or plain arrays), an ONNX file, or one made by "
    "torch.export.save (.pt2, with torch 2.8 or newer) or torch.jit.save; pickled models are refused"
)
_LAYERS_HELP = (
    "the activation between the layers of a state dict (of torch.save, safetensors or numpy.savez), which does not say "
    "it: relu, abs, identity, or a pair of slopes below and above zero such as 0.01:1; or one for each, with commas"
)
_FORMATS = ("pdf", "png", "svg")


class _Parser(argparse.ArgumentParser):
    """Tells a mistake in one line, without the whole usage above it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process where left out.

    Returns
    -------
    int
        0 when all went well, 1 when a cross-check did not pass, 2 on a mistake in what was asked for, 3 on an
        error inside the engine, 130 when interrupted.

    Raises
    ------
    SystemExit
        By `--help`, by `--version`, and on arguments that cannot be read.
    """
    return status_of_command(lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show × or ± gets a question mark, and no traceback.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        status = command(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has gone; without this, Python would complain once more while it shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except EngineError as error:
        return _engine_error(error)
    except OSError as error:
        reason = error.strerror or str(error)
        _complain(f"{error.filename}: {reason}" if error.filename else reason)
        return 2
    except (RegionsError, MemoryError) as error:
        _complain(str(error) or "out of memory; ask for a smaller network, bound or resolution.")
        return 2
    return status


def _complain(message: str) -> None:
    print(f"regions: error: {' '.join(message.split())}", file=sys.stderr)


def _engine_error(error: EngineError) -> int:
    _complain(str(error))
    if error.network is not None:
        path = Path("regions-engine-error.npz")
        error.network.save(path)
        print(f"regions: the network was saved to {path}; the domain is {error.domain!r}.", file=sys.stderr)
    return 3


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser(prog="regions", description=_DESCRIPTION, epilog=_EXAMPLES, formatter_class=raw)
    parser.add_argument("--version", action="version", version=f"regions {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_report(commands)
    count = commands.add_parser("count", help="count the regions of a saved model", formatter_class=raw)
    count.description = "Count the activation regions of a saved model, exactly."
    _add_model(count)
    count.add_argument("--json", action="store_true", help="print one JSON object")
    count.add_argument("--max-regions", type=_positive, metavar="N", help="stop with an error beyond N regions")
    count.add_argument(
        "--max-memory", type=_positive, metavar="MB", help="megabytes that the count may use (default: 2147)"
    )
    count.add_argument("--progress", action="store_true", help="show a progress bar")
    count.set_defaults(command=_count)
    plot = commands.add_parser("plot", help="draw the regions of a saved model", formatter_class=raw)
    plot.description = "Draw the activation regions of a saved model, coloured by their exact gradient."
    _add_model(plot)
    plot.add_argument(
        "-o", "--output", type=_picture_path, required=True, metavar="FILE", help="file to write: .png, .svg or .pdf"
    )
    plot.add_argument(
        "--component", choices=("x", "y"), default="x", help="which component gives the colour (default: %(default)s)"
    )
    plot.set_defaults(command=_plot)
    return parser


def _add_report(commands: Any) -> None:
    from regions.study.options import ACTIVATIONS, ReportOptions

    default = ReportOptions()
    raw = argparse.RawDescriptionHelpFormatter
    report = commands.add_parser(
        "report", help="compare a shallow and a deep network", epilog=_REPORT_EXAMPLES, formatter_class=raw
    )
    report.description = (
        "Compare shallow and deep networks by their exact activation regions, check every count against the gradient\n"
        "image, and write report.html, report.json, report.md and figures/ into a folder."
    )
    add = report.add_argument
    add("-o", "--output", type=Path, default=Path("region-report"), metavar="DIR", help="folder (default: %(default)s)")
    add(
        "--shallow-widths",
        type=_integers,
        metavar="W,W,W",
        help=f"inputs, hidden neurons, outputs (default: {_listed(default.shallow_widths)})",
    )
    add(
        "--deep-widths",
        type=_integers,
        metavar="W,W,...",
        help=f"inputs, hidden layers, outputs (default: {_listed(default.deep_widths)})",
    )
    add("--activation", choices=ACTIVATIONS, help=f"default: {default.activation}")
    add(
        "--seeds",
        type=_seeds,
        metavar="N",
        help="a number N for the seeds 0 to N-1, or a list such as 0,7,42 "
        f"(one seed alone: '7,'; default: {len(default.seeds)})",
    )
    add(
        "--bounds",
        type=_numbers,
        default=default.bounds,
        metavar="B,B,...",
        help=f"each b stands for the square [-b, b]² (default: {_listed(default.bounds)})",
    )
    add(
        "--resolution",
        type=_integer,
        default=default.resolution,
        metavar="N",
        help="pixels a side of the gradient image (default: %(default)s)",
    )
    add(
        "--model",
        type=Path,
        metavar="FILE",
        help=f"report on this one instead, without widths, activation and seeds: {_MODEL_HELP}",
    )
    add("--no-figures", action="store_true", help="draw nothing")
    add("--force", action="store_true", help="replace files in the folder that belong to no report")
    report.set_defaults(command=_report)


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help=_MODEL_HELP)
    parser.add_argument("--layers", type=_activations, metavar="ACTIVATION", help=_LAYERS_HELP)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--bound", type=_number, metavar="B", help="the square [-B, B]²")
    where.add_argument("--domain", type=_number, nargs=4, metavar=("MINX", "MINY", "MAXX", "MAXY"), help="a rectangle")
    where.add_argument("--whole-plane", action="store_true", help="all of the plane")


def _listed(values: Sequence[float]) -> str:
    return ",".join(f"{value:g}" for value in values)


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} was given; an integer is needed.") from None


def _positive(text: str) -> int:
    if (value := _integer(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} was given; an integer of at least 1 is needed.")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} was given; a number is needed.") from None


def _integers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.removesuffix(",").split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} was given; integers with commas between them are needed.") from None


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.removesuffix(",").split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} was given; numbers with commas between them are needed.") from None


def _activations(text: str) -> Any:
    def one(part: str) -> Any:
        if ":" not in part:
            return part
        try:
            below, above = map(float, part.split(":"))
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{part!r} was given; a pair of slopes such as 0.01:1 is needed."
            ) from None
        return below, above

    found = [one(part) for part in text.split(",")]
    return found[0] if len(found) == 1 else found


def _seeds(text: str) -> tuple[int, ...]:
    values = _integers(text)
    if "," in text:
        return values
    if not 1 <= values[0] <= 100_000:
        raise argparse.ArgumentTypeError(
            f"{text!r} was given; a number of seeds from 1 to 100000 is needed, or a list such as 0,7,42."
        )
    return tuple(range(values[0]))


def _picture_path(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower().removeprefix(".") not in _FORMATS:
        raise argparse.ArgumentTypeError(f"{text!r} was given; a name that ends in .png, .svg or .pdf is needed.")
    return path


def _report(arguments: argparse.Namespace) -> int:
    from regions.study.options import IGNORED
    from regions.study.report import ReportOptions, make_report, tables
    from regions.study.report.result import prepare_folder

    compared = ("shallow_widths", "deep_widths", "activation", "seeds")
    given = {name: value for name in compared if (value := getattr(arguments, name)) is not None}
    if arguments.model is not None and given:
        raise OptionError(IGNORED.format(" and ".join(f"--{name.replace('_', '-')}" for name in given)))
    options = ReportOptions(
        **given,
        bounds=arguments.bounds,
        resolution=arguments.resolution,
        model=arguments.model,
        figures=not arguments.no_figures,
    )
    prepare_folder(arguments.output, arguments.force)
    report = make_report(options, progress=None)
    page = report.write(arguments.output, force=arguments.force)
    print(tables.as_text(tables.counts(report.document)))
    print()
    print(tables.verdict(report.document))
    for item in report.document["cross_check"]["disagreements"]:
        print(f"{tables.place(item)}: {item['summary']}")
    print(f"Report: {page}")
    return 0 if report.passed else 1


def _domain(arguments: argparse.Namespace) -> Any:
    from regions.domain.convex import Box
    from regions.domain.polyhedron import WholePlane
    from regions.domain.read import as_domain

    if arguments.whole_plane:
        return WholePlane()
    return as_domain(arguments.bound) if arguments.domain is None else Box(*arguments.domain)


def _count(arguments: argparse.Namespace) -> int:
    domain = _domain(arguments)

    from regions.enumeration.enumerate import count_regions, planar_network
    from regions.frontends.files import load

    network = planar_network(load(arguments.model, activation=arguments.layers, likely=2))
    n_regions = count_regions(
        network,
        domain,
        max_regions=arguments.max_regions,
        max_memory=None if arguments.max_memory is None else arguments.max_memory * 10**6,
        progress=arguments.progress,
    )
    if arguments.json:
        answer = {
            "schema": "regions-count/1",
            "model": str(arguments.model),
            "widths": list(network.widths),
            "hidden_neurons": network.n_neurons,
            "domain": None if arguments.whole_plane else list(domain.bounds),
            "counted": "activation regions",
            "regions": n_regions,
            "proven_by_float": n_regions.certificate.proven_by_float,
            "decided_exactly": n_regions.certificate.decided_exactly,
        }
        print(json.dumps(answer, ensure_ascii=False))
    else:
        plural = "" if n_regions == 1 else "s"
        if arguments.whole_plane:
            where = "the whole plane"
        else:
            minx, miny, maxx, maxy = domain.bounds
            where = f"[{minx:g}, {maxx:g}] × [{miny:g}, {maxy:g}]"
        print(f"{n_regions} activation region{plural} in {where}")
    return 0


def _plot(arguments: argparse.Namespace) -> int:
    folder = arguments.output.parent
    if not folder.is_dir():
        raise FileNotFoundError(2, "there is no such folder; make it first", str(folder))
    domain = _domain(arguments)

    from io import BytesIO

    from matplotlib.figure import Figure

    from regions._files import write_atomically
    from regions.enumeration.enumerate import enumerate_regions
    from regions.frontends.files import load
    from regions.pictures.plotting import plot_regions

    complex = enumerate_regions(load(arguments.model, activation=arguments.layers, likely=2), domain)
    figure = Figure(figsize=(8, 8), layout="constrained")
    ax = figure.subplots()
    plot_regions(complex, ax, component=arguments.component)
    buffer = BytesIO()
    figure.savefig(buffer, format=arguments.output.suffix.lower().removeprefix("."), dpi=150)
    write_atomically(arguments.output, buffer.getvalue())
    print(f"{complex.n_regions} activation regions: {arguments.output}")
    return 0
