"""Headless Chromium, driven through its debugging pipe: no driver, no further package."""

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
_OPTIONS = (
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--remote-debugging-pipe',
    # Nothing but this machine can be reached, as where there is no network.
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    '--no-proxy-server',
)


class Browser:
    """One page.

    Args:
        folder: Where the browser keeps what it needs.
        size: Width and height of its window.

    Attributes:
        answered: Every address that answered a request.
    """

    def __init__(self, folder: Path, size: tuple[int, int] = (1280, 900)) -> None:
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        command = [CHROMIUM, *_OPTIONS, f'--user-data-dir={folder}', f'--window-size={size[0]},{size[1]}']
        # It reads from descriptor 3 and writes to 4.
        shell = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        with (folder / 'log').open('w') as log:
            self._process = subprocess.Popen(
                ['bash', '-c', shell, 'chromium', *command],
                pass_fds=(to_browser, from_browser),
                env=os.environ | {'HOME': str(folder)},
                stdout=log,
                stderr=log,
            )
        os.close(to_browser)
        os.close(from_browser)
        self._rest, self._number, self._session = b'', 0, None
        self.answered: list[str] = []
        target = self._call('Target.createTarget', url='about:blank')['targetId']
        self._session = self._call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        for domain in ('Page', 'Network', 'DOM', 'Runtime'):
            self._call(f'{domain}.enable')

    def __enter__(self) -> 'Browser':
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        os.close(self._read)
        os.close(self._write)

    def open(self, address: str) -> None:
        self._call('Page.navigate', url=address)

    def run(self, script: str):
        """Return the value of an expression in the page."""
        found = self._call('Runtime.evaluate', expression=script, returnByValue=True, awaitPromise=True)
        assert 'exceptionDetails' not in found, found
        return found['result'].get('value')

    def wait(self, script: str, seconds: float = 300):
        """Return the value of an expression as soon as it is true."""
        end = time.monotonic() + seconds
        while not (value := self.run(script)):
            assert time.monotonic() < end, f'never true: {script}; the page shows {self.text()[:2000]}'
            time.sleep(0.2)
        return value

    def text(self) -> str:
        return self.run('document.body.innerText')

    def give_file(self, selector: str, path: Path) -> None:
        """Choose a file in an <input type="file">."""
        root = self._call('DOM.getDocument')['root']['nodeId']
        node = self._call('DOM.querySelector', nodeId=root, selector=selector)['nodeId']
        self._call('DOM.setFileInputFiles', nodeId=node, files=[str(path)])

    def photograph(self, path: Path) -> None:
        """Save what the window shows as PNG."""
        path.write_bytes(base64.b64decode(self._call('Page.captureScreenshot')['data']))

    def _call(self, method: str, **params: object) -> dict:
        self._number += 1
        message = {'id': self._number, 'method': method, 'params': params}
        if self._session:
            message['sessionId'] = self._session
        os.write(self._write, json.dumps(message).encode() + b'\0')
        while True:
            answer = self._receive()
            if answer.get('method') == 'Network.responseReceived':
                self.answered.append(answer['params']['response']['url'])
            if answer.get('id') == self._number:
                assert 'error' not in answer, answer
                return answer['result']

    def _receive(self) -> dict:
        while b'\0' not in self._rest:
            part = os.read(self._read, 1 << 16)
            assert part, 'the browser has ended'
            self._rest += part
        message, _, self._rest = self._rest.partition(b'\0')
        return json.loads(message)
