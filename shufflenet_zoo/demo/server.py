"""Serving the page: by default to this machine alone, and without a word to any other."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import cv2

from shufflenet_zoo.data.digits import CLASSES, load_split
from shufflenet_zoo.demo.models import Model
from shufflenet_zoo.demo.uploads import MEGA, Limits
from shufflenet_zoo.errors import ArgumentError, DependencyError

# Whatever gradio's pages name, a browser loads it from this server or not at all.
_POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"


def serve(models: Sequence[Model], folder: Path, host: str, port: int | None, limits: Limits) -> None:
    """Serve the page until a signal ends it.

    Args:
        models: What can be chosen.
        folder: Where files go that the page shows.
        host: Name or address to listen at.
        port: Port to listen at. None: the first free one from 7860 on.
        limits: What a visitor may give.

    Raises:
        DependencyError: if gradio is not installed.
        ArgumentError: if it cannot listen there.
    """
    try:
        import gradio as gr
        from starlette.middleware import Middleware
    except ModuleNotFoundError as error:
        raise DependencyError(
            f"the demo needs the package {error.name!r}: install it with pip install 'shufflenet-zoo[demo]'"
        ) from error
    from shufflenet_zoo.demo.page import STYLE, build_page

    with ThreadPoolExecutor(max_workers=1) as worker:
        page = build_page(models, limits, worker, folder, write_examples(folder / 'examples'))
        try:
            _, address, _ = page.launch(
                server_name=host,
                server_port=port,
                prevent_thread_lock=True,
                quiet=True,
                share=False,
                inbrowser=False,
                show_error=False,
                footer_links=[],
                allowed_paths=[],
                max_file_size=int(limits.megabytes * MEGA),
                enable_monitoring=False,
                run_history=False,
                ssr_mode=False,
                mcp_server=False,
                pwa=False,
                app_kwargs={'middleware': [Middleware(_OwnSourcesOnly)]},
                theme=gr.themes.Default(font=['system-ui', 'sans-serif'], font_mono=['monospace']),
                css=STYLE,
            )
        except OSError as error:
            raise ArgumentError(f'--host {host} --port {port}: nothing can listen there ({error})') from error
        logging.getLogger('uvicorn.error').addFilter(_is_no_removed_picture)
        try:
            print(f'serving at {address}; Ctrl-C ends it', flush=True)
            Event().wait()
        finally:
            page.close(verbose=False)


def write_examples(folder: Path) -> list[Path]:
    """Write one test picture of every digit into a new folder."""
    folder.mkdir()
    images, labels = load_split('test')
    paths = [folder / f'{name}.png' for name in CLASSES]
    for label, path in enumerate(paths):
        path.write_bytes(cv2.imencode('.png', images[labels == label][0])[1].tobytes())
    return paths


def _is_no_removed_picture(record: logging.LogRecord) -> bool:
    """Keep quiet that a picture which was not taken had gone before the page showed it."""
    return not (record.exc_info and isinstance(record.exc_info[1], FileNotFoundError))


class _OwnSourcesOnly:
    """ASGI middleware that forbids the browser every other server."""

    def __init__(self, app: Callable) -> None:
        self._app = app

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        async def send_with_policy(message: dict) -> None:
            if message['type'] == 'http.response.start':
                message['headers'] = [*message['headers'], (b'content-security-policy', _POLICY.encode())]
            await send(message)

        await self._app(scope, receive, send_with_policy)
