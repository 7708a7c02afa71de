"""What the receipt of an operation says of calls of a provider."""

import pytest

from pixeltable.exec.tally import Calls, Tally
from pixeltable.session.receipts import receipt


@pytest.mark.parametrize(("tokens", "cost_usd"), [(0, 0.0), (12, None)])
def test_what_tokens_cost_is_unknown_never_nothing(tokens: int, cost_usd: float | None) -> None:
    tally = Tally()
    tally.add(Calls(made=1, input_tokens=tokens))
    assert receipt(tally, 0.0).cost_usd == cost_usd
