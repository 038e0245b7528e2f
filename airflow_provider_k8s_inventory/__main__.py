"""``k8s-inventory``, also as ``python -m airflow_provider_k8s_inventory``."""

import os
import signal


def main() -> None:
    """Run the command line; Ctrl-C while nothing is under way ends it without a word.

    That is during the imports, which take half a second, and behind the command. Else Python prints where it was.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    from airflow_provider_k8s_inventory.cli import main as command_line

    command_line(prog_name="k8s-inventory")


def _leave(*_: object) -> None:
    os._exit(130)


if __name__ == "__main__":
    main()
