"""One thread for every test of a folder: its networks are tiny, and threads would wait for each other.

A folder's conftest.py imports the fixture.
"""

import pytest
import torch


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
