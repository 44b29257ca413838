"""py-substrate-interface: what most Python programs use."""

import json
import sys
from importlib.metadata import version

from substrateinterface import Keypair, SubstrateInterface

URL = sys.argv[1]
PACKAGE = "substrate-interface"


def all_of(number, faults):
    """The number of things that were read, if none had a fault."""
    if not number:
        raise ValueError("nothing was there to be read")
    if faults:
        raise ValueError(f"{len(faults)} of {number}: {'; '.join(faults[:3])}")
    return number


def each(things, read):
    """Reads all, and keeps what could not be read."""
    faults, seen = [], 0
    for thing in things:
        try:
            seen += read(thing)
        except Exception as error:  # noqa: BLE001: whatever a client throws is its fault here
            faults.append(f"{thing}: {str(error)[:120]}")
            seen += 1
    return all_of(seen, faults)


chain = SubstrateInterface(url=URL)
last = chain.get_block_header()["header"]["number"]
hashes = {number: chain.get_block_hash(number) for number in range(1, last + 1)}


def storage():
    """Every entry of every pallet but the versions of pallets, which no client needs."""
    entries = [
        (pallet.value["name"], entry.value["name"], "Map" in str(entry.value["type"]))
        for pallet in chain.get_metadata().pallets
        for entry in pallet.storage or []
        if not entry.value["name"].startswith(":")
    ]

    def read(entry):
        pallet, name, is_map = entry
        if is_map:
            list(chain.query_map(pallet, name, page_size=200))
        else:
            chain.query(pallet, name)
        return 1

    return each(entries, read)


def events():
    """The events of all blocks."""
    return each(hashes, lambda number: len(chain.get_events(hashes[number])))


def extrinsics():
    """The extrinsics of all blocks."""
    return each(hashes, lambda number: len(chain.get_block(block_hash=hashes[number])["extrinsics"]))


def runtime_apis():
    """One question to the models."""
    config = chain.runtime_call("ModelsApi", "model", [0]).value["config"]
    return f"{config['layers']} layers of {config['experts']} experts"


def send(name, pallet, call, arguments):
    """Sends a call of an account and waits for its block."""
    signed = chain.create_signed_extrinsic(
        chain.compose_call(pallet, call, arguments), keypair=Keypair.create_from_uri(name)
    )
    return chain.submit_extrinsic(signed, wait_for_inclusion=True)


def transfer():
    """A transfer with a mortal signature."""
    bob = Keypair.create_from_uri("//Bob").ss58_address
    receipt = send("//Alice", "Balances", "transfer_keep_alive", {"dest": bob, "value": 5_000_000})
    if not receipt.is_success:
        raise ValueError(receipt.error_message)
    return "in a block"


def our_errors():
    """What a failure of ours is called."""
    # Want of a commitment is cured by another transaction, so the pool lets it through.
    receipt = send("//Bob", "Disputes", "withdraw_commitment", {"hash": "0x" + "09" * 32})
    if receipt.is_success:
        raise ValueError("it succeeded")
    return f"{receipt.error_message['name']}: {' '.join(receipt.error_message['docs'])}"


CHECKS = {
    "storage": storage,
    "events": events,
    "extrinsics": extrinsics,
    "runtimeApis": runtime_apis,
    "transfer": transfer,
    "ourErrors": our_errors,
}
results = {}
for check, run in CHECKS.items():
    try:
        results[check] = {"seen": run()}
    except Exception as error:  # noqa: BLE001: as above
        results[check] = {"failed": f"{type(error).__name__}: {error}"[:400]}
print()
print(json.dumps({"client": f"{PACKAGE} {version(PACKAGE)}", "results": results}))
