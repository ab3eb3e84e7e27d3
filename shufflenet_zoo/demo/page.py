"""The page: a picture and a model on the left, what the engines make of it on the right."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from shufflenet_zoo.demo.answers import show_classes, show_objects
from shufflenet_zoo.demo.models import Model
from shufflenet_zoo.demo.uploads import Limits, check_picture
from shufflenet_zoo.errors import ShuffleNetZooError
from shufflenet_zoo.figures.heat import draw_heat_maps
from shufflenet_zoo.figures.style import save_figure
from shufflenet_zoo.jobs.predictions import draw

TITLE = 'ShuffleNet'
STYLE = """
.answers {width: 100%; table-layout: fixed} .answers td {vertical-align: top; padding: 0 .6em}
.answer {position: relative; display: flex; justify-content: space-between; padding: .15em .4em; margin: .2em 0}
.answer i {position: absolute; left: 0; top: 0; bottom: 0; background: #1b6ca8; opacity: .25}
.objects td, .objects th {padding: .1em 1em .1em 0; text-align: left}
#picture img, #drawn img {width: 100%; height: 100%; object-fit: contain}
#examples .grid-wrap {overflow: hidden}
#picture img, #examples img {image-rendering: pixelated}
"""
# What a visitor gave is removed after an hour, looked for every ten minutes.
_CLEANING = (600, 3600)
_WAITING = 20


def build_page(
    models: Sequence[Model], limits: Limits, worker: Executor, folder: Path, examples: Sequence[Path]
) -> gr.Blocks:
    """Build the page.

    Args:
        models: What can be chosen, the first one at the start.
        limits: What a visitor may give.
        worker: Runs the models, one picture at a time.
        folder: Where the visitors' pictures are, and those that are drawn.
        examples: Pictures to begin with.
    """
    by_name = {model.name: model for model in models}

    def take(given: Mapping[str, Any] | None) -> Any:
        """Let a picture stay, or say why it does not."""
        try:
            return gr.skip() if given is None or check_picture(given['path'], folder, limits) else None
        except ShuffleNetZooError as error:
            gr.Warning(escape(str(error)))
            return None

    def choose(name: str) -> tuple[Any, Any]:
        model = by_name[name]
        return gr.CheckboxGroup(model.engines, value=model.engines), gr.Slider(visible=model.is_detector)

    def look(given: Mapping[str, Any] | None, name: str, engines: Sequence[str], least: float) -> tuple[str, Any]:
        model = by_name[name]
        engines = [engine for engine in model.engines if engine in engines]
        if given is None or not engines:
            raise gr.Error('Give a picture, and choose what runs the model.', print_exception=False)
        try:
            path = check_picture(given['path'], folder, limits)
            return worker.submit(look_at, model, str(path), engines, least, folder).result()
        except ShuffleNetZooError as error:
            raise gr.Error(escape(str(error)), print_exception=False) from error

    first = models[0]
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=_CLEANING) as page:
        gr.Markdown(f'# {TITLE}\nWhat a model makes of a picture, in every framework at once.')
        with gr.Row():
            with gr.Column(scale=2):
                picture = gr.Image(
                    label=f'picture, at most {limits.megabytes:g} MB and {limits.megapixels:g} megapixels',
                    type='filepath',
                    image_mode=None,
                    sources=['upload', 'clipboard'],
                    height=260,
                    elem_id='picture',
                )
                model = gr.Dropdown(list(by_name), value=first.name, label='model', elem_id='model')
                engines = gr.CheckboxGroup(first.engines, value=first.engines, label='run by', elem_id='engines')
                least = gr.Slider(0, 1, 0.5, label='least score', visible=first.is_detector)
                button = gr.Button('Look', variant='primary', elem_id='look')
            with gr.Column(scale=3):
                found = gr.HTML(elem_id='found')
                drawn = gr.Image(label='where it was seen', interactive=False, elem_id='drawn', buttons=[])
        if examples:
            gallery = gr.Gallery(
                [str(path) for path in examples],
                label='digits to begin with',
                show_label=False,
                columns=len(examples),
                height=130,
                allow_preview=False,
                interactive=False,
                elem_id='examples',
                buttons=[],
            )

            def pick(event: gr.SelectData) -> str:
                return str(examples[event.index])

            gallery.select(pick, None, picture, api_visibility='private')
        # Without gradio's own preprocessing, which opens whatever file or address is named.
        raw = {'preprocess': False, 'api_visibility': 'private'}
        picture.upload(take, picture, picture, **raw)
        model.change(choose, model, [engines, least], **raw)
        button.click(look, [picture, model, engines, least], [found, drawn], **raw)
    return page.queue(max_size=_WAITING, default_concurrency_limit=1, api_open=False)


def look_at(model: Model, path: str, engines: Sequence[str], least: float, folder: Path) -> tuple[str, Any]:
    """Run a model; return what it found as HTML, and a picture of where."""
    answers = {engine: model.find(path, engine, least) for engine in engines}
    if model.is_detector:
        (found, *_) = answers.values()
        return show_objects(found.findings), np.ascontiguousarray(draw(found)[..., ::-1])
    evidence = model.explain(path, engines)
    if evidence is not None:
        target = folder / 'evidence.png'
        save_figure(draw_heat_maps([evidence]), target)
    shown = show_classes({engine: answer.findings for engine, answer in answers.items()})
    return shown, str(target) if evidence is not None else None
