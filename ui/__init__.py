"""The page: chat, documents and evaluation in the browser. It draws; what it shows is computed elsewhere."""

from __future__ import annotations

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
