"""`python -m blyan_verifier RECEIPT --model-dir DIR`: exit status 0 for equal, 1 for different, 2 where nothing can be said, as `blyan audit replay`."""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from dataclasses import asdict
from typing import List, Optional

from .model import verify
from .receipt import VerifierError


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="blyan-verify", description=__doc__)
    parser.add_argument("receipt", help="file of the receipt")
    parser.add_argument("--model-dir", required=True, help="directory that blyan model import wrote")
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")
    options = parser.parse_args(arguments)
    try:
        with open(options.receipt, "rb") as file:
            verdict = verify(file.read(), options.model_dir)
    except (VerifierError, OSError) as error:
        print(f"undecided: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        raise
    except BaseException:
        # Python ends with 1 where memory runs out or the native half panics, and that would read as a verdict.
        traceback.print_exc()
        return 2
    if options.json:
        print(json.dumps(asdict(verdict)))
    elif verdict.equal:
        print("equal" if verdict.end_checked else "equal; its end was not checked, since the request had stop strings")
    else:
        print(f"different: {verdict.first_difference}")
    return 0 if verdict.equal else 1


if __name__ == "__main__":
    sys.exit(main())
