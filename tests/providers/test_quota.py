"""Quotas in a database: what one process takes, no other one gets."""

import bisect
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pixeltable.providers.quota import Ask, Quota

REPOSITORY = Path(__file__).parents[2]


def test_x(quota_url):
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for limit in (6000, 20000):
        ps = [subprocess.Popen([sys.executable, "-m", "tests.providers.admitting", quota_url, str(limit), "3"], cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        ts=[]
        for p in ps:
            o,_=p.communicate(); ts.append([float(x) for x in o.split()])
        allt=sorted(ts[0]+ts[1])
        m=max(bisect.bisect_left(allt, x+1)-i for i,x in enumerate(allt))
        print(limit, [len(x) for x in ts], allt[-1]-allt[0], len(allt)/(allt[-1]-allt[0])*60, "max1s", m, limit/60)
        g=[b-a for a,b in zip(allt,allt[1:])]; print(min(g), max(g))
