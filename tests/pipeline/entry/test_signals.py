"""Signals become exceptions where nothing is half done."""

import os
import signal
import threading

import pytest

from ensemble_kit.pipeline.entry.signals import Stopped, noticed, stoppable

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are of POSIX")


@pytest.fixture(autouse=True)
def handlers():
    """As a program in the foreground has them, whatever the test run was started by."""
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for one, was in before.items():
        signal.signal(one, was)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_noticed_and_the_second_stops(number):
    with noticed() as notice:
        assert notice.signal is None
        signal.raise_signal(number)
        assert notice.signal == number
        with pytest.raises(Stopped, match="Stopped at once") as stopped:
            signal.raise_signal(number)
    assert stopped.value.exit_code == 128 + number
    assert isinstance(stopped.value, KeyboardInterrupt)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_sigterm_stops_a_command_and_ctrl_c_stays_what_it_is():
    with stoppable():
        with pytest.raises(Stopped, match="submissions are whole") as stopped:
            signal.raise_signal(signal.SIGTERM)
        assert stopped.value.signal == 15
        with noticed() as notice:
            signal.raise_signal(signal.SIGTERM)
            assert notice.signal == 15
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_hangup_stops_a_command_and_the_next_one_does_not_disturb_its_leaving():
    with stoppable():
        with pytest.raises(Stopped, match="submissions are whole") as stopped:
            signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
    assert stopped.value.exit_code == 129
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


@pytest.mark.parametrize("later", [signal.SIGHUP, signal.SIGTERM])
def test_a_terminal_that_goes_away_is_noticed_once_however_often_it_is_told(later):
    with noticed() as notice:
        for number in (signal.SIGHUP, later, signal.SIGHUP, later):
            signal.raise_signal(number)
        assert notice.signal == signal.SIGHUP


@pytest.mark.parametrize("ignored", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_was_ignored_stays_ignored(ignored):
    signal.signal(ignored, signal.SIG_IGN)
    with stoppable(), noticed() as notice:
        signal.raise_signal(ignored)
        assert notice.signal is None


def test_another_thread_sets_no_handlers():
    seen = []

    def work():
        with stoppable(), noticed() as notice:
            seen.append((notice.signal, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(None, signal.SIG_DFL)]
