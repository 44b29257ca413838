"""The labels of the set against check digits of a third hand (python-stdnum, which the filter does not use)."""

import importlib

import pytest

MODULES = {
    "iban": "stdnum.iban",
    "payment_number": "stdnum.luhn",
    "social_security": "stdnum.us.ssn",
    "german_tax_id": "stdnum.de.idnr",
    "brazilian_cpf": "stdnum.br.cpf",
    "french_nir": "stdnum.fr.nir",
    "italian_fiscal_code": "stdnum.it.codicefiscale",
    "chinese_resident": "stdnum.cn.ric",
    "aadhaar": "stdnum.in_.aadhaar",
    "nhs_number": "stdnum.gb.nhs",
    "spanish_dni": "stdnum.es.dni",
}


def is_valid(kind, value):
    # What names the number stands in front of it.
    for name in ("Aadhaar no.", "NHS number", "NHS no.", "nhs:", "cpf:"):
        value = value.removeprefix(name)
    if kind == "iban":
        # Some countries have check digits of their own inside, which the set does not compute.
        return importlib.import_module("stdnum.iban").is_valid(value, check_country=False)
    if kind == "spanish_dni" and value[:1] in "XYZ":
        return importlib.import_module("stdnum.es.nie").is_valid(value)
    if kind == "chinese_resident":
        # Not by the list of regions, which says when each was made.
        return importlib.import_module("stdnum.cn.ric").calc_check_digit(value) == value[-1]
    if kind == "payment_number":
        value = value.replace(" ", "").replace("-", "")
    return importlib.import_module(MODULES[kind]).is_valid(value)


@pytest.mark.parametrize("kind", MODULES)
def test_numbers_that_are_labelled_right_are_right(records, kind):
    values = [record["value"] for record in records if record["about"] == kind and record["is_positive"]]
    assert len(values) == 300
    wrong = [value for value in values if not is_valid(kind, value)]
    assert wrong == []
