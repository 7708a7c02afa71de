"""The function library as a whole: what it lists, and that naming a provider's module loads no SDK."""

import subprocess
import sys

import pixeltable.functions as pxtf

PROVIDERS = {"anthropic", "openai"}


def test_providers_are_listed() -> None:
    assert set(dir(pxtf)) >= PROVIDERS


def test_functions_of_providers_load_no_sdk() -> None:
    code = "import sys\nfrom pixeltable.functions import anthropic, openai\nopenai.embeddings('x', model='m')\n"
    code += "print(sorted({'anthropic', 'openai', 'httpx2', 'PIL'} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"
