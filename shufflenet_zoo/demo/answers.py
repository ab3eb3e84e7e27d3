"""What engines found in one picture, side by side, as HTML."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

from shufflenet_zoo.jobs.predictions import Finding

_SHOWN_CLASSES, _SHOWN_OBJECTS = 5, 50


def largest_difference(answers: Mapping[str, Sequence[Finding]]) -> float:
    """Return by how much the engines differ at most in the probability of a class.

    Args:
        answers: Every class with its probability, by engine.
    """
    chances = []
    for findings in answers.values():
        # Different classes may have the same name.
        chances.append(Counter())
        for found in findings:
            chances[-1][found.label] += found.score
    spreads = (
        max(by_name[name] for by_name in chances) - min(by_name[name] for by_name in chances)
        for name in set().union(*chances)
    )
    return max(spreads, default=0.0)


def show_classes(answers: Mapping[str, Sequence[Finding]]) -> str:
    """Return the five best classes of every engine in columns, and the largest difference below them."""
    columns = ''.join(
        f'<td><h4>{escape(engine)}</h4>{"".join(map(_bar, findings[:_SHOWN_CLASSES]))}</td>'
        for engine, findings in answers.items()
    )
    note = ''
    if len(answers) > 1:
        note = f'<p>Largest difference of a probability: <b>{largest_difference(answers):.1e}</b></p>'
    return f'<table class="answers"><tr>{columns}</tr></table>{note}'


def _bar(found: Finding) -> str:
    percent = 100 * found.score
    return (
        f'<div class="answer"><i style="width:{percent:.1f}%"></i>'
        f'<span>{escape(found.label)}</span><span>{percent:.2f} %</span></div>'
    )


def show_objects(findings: Sequence[Finding]) -> str:
    """Return the objects that were found, with their boxes, as a table."""
    if not findings:
        return '<p>Nothing was found; a lower score may show more.</p>'
    rows = ''.join(
        f'<tr><td>{escape(found.label)}</td><td>{100 * found.score:.1f} %</td>'
        f'<td>{", ".join(f"{side:.0f}" for side in found.box or ())}</td></tr>'
        for found in findings[:_SHOWN_OBJECTS]
    )
    head = '<tr><th>class</th><th>score</th><th>left, top, right, bottom in pixels</th></tr>'
    return f'<p>{len(findings)} found</p><table class="objects">{head}{rows}</table>'
