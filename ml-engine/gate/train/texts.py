"""Texts with labels: what registry packages ship, and what is made of it. Each text is of a source, and sources are held out whole."""

import base64
import hashlib
import pathlib
import random
import re
import string
import tomllib

LANGUAGES = "ar cs de en es fa fr hi id it ja ko nl pl pt ru sv tr uk vi zh".split()
CLASSES = [*LANGUAGES, "code"]
PERMISSIVE = re.compile(r"MIT|Apache-2\.0|BSD|ISC|Zlib|0BSD|Unlicense|CC0", re.I)
LEARNED = ("django", "wagtail")
MEASURED = ("allauth", "sphinx")
# One crate in four is measured on.
HELD_OUT = 4


def is_held_out(name):
    return hashlib.sha256(name.encode()).digest()[0] % HELD_OUT == 0


def chunks(text, draw, low=120, high=1400):
    """Paragraphs joined to records of drawn lengths."""
    record, wanted = "", draw.randint(low, high)
    for paragraph in re.split(r"\n\s*\n", text):
        record += paragraph.strip("\n") + "\n\n"
        if len(record) >= wanted:
            yield record.strip()[:4000]
            record, wanted = "", draw.randint(low, high)
    if len(record) >= low:
        yield record.strip()[:4000]


def crates(registry, draw, limit=14):
    """(kind, held out, text) of crates under permissive licences: READMEs, doc comments, code."""
    for crate in sorted(pathlib.Path(registry).iterdir()):
        try:
            licence = tomllib.loads((crate / "Cargo.toml").read_text())["package"].get("license", "")
        except (OSError, ValueError, KeyError):
            continue
        if not PERMISSIVE.search(licence):
            continue
        # All versions of a crate are of one side.
        held_out = is_held_out(re.sub(r"-\d+\.\d+.*$", "", crate.name))
        for readme in sorted(crate.glob("README*.md"))[:1]:
            text = readme.read_text(errors="ignore")
            yield from (("readme", held_out, chunk) for chunk in list(chunks(text, draw))[:limit])
        sources = sorted(crate.glob("src/**/*.rs"))
        draw.shuffle(sources)
        for source in sources[:4]:
            text = source.read_text(errors="ignore")[:60_000]
            docs = "\n".join(line.strip()[3:].lstrip("/! ") for line in text.splitlines() if re.match(r"\s*//[/!]", line))
            yield from (("docs", held_out, chunk) for chunk in list(chunks(docs, draw))[:3])
            code = "\n".join(line for line in text.splitlines() if not re.match(r"\s*//", line))
            yield from (("code", held_out, chunk) for chunk in list(chunks(code, draw))[:3])


def messages(packages, draw):
    """(package, language, text) of translations: messages of one catalogue joined."""
    for package in (*LEARNED, *MEASURED):
        for path in sorted(pathlib.Path(packages, package).rglob("*.po")):
            language = path.parts[path.parts.index("LC_MESSAGES") - 1].split("_")[0].split("-")[0].lower()
            if language not in LANGUAGES:
                continue
            found = re.findall(r'^msgstr(?:\[\d\])? ((?:"(?:[^"\\]|\\.)*"\n?)+)', path.read_text(errors="ignore"), re.M)
            texts = ["".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text)) for text in found[1:]]
            texts = [text.replace("\\n", "\n").replace('\\"', '"') for text in texts if len(text) > 12]
            draw.shuffle(texts)
            record, wanted = "", draw.randint(60, 500)
            for text in texts:
                record += text + draw.choice([" ", "\n"])
                if len(record) >= wanted:
                    yield package, language, record.strip()
                    record, wanted = "", draw.randint(60, 500)


def declarations(folder, draw):
    """(language, text) of the Universal Declaration of Human Rights."""
    names = dict(zip("arb ces deu eng spa pes fra hin ind ita jpn kor nld pol por rus swe tur ukr vie cmn".split(), LANGUAGES))
    for path in sorted(pathlib.Path(folder).glob("*.html")):
        language = names.get(path.name[:3])
        if language is None:
            continue
        paragraphs = [re.sub(r"<[^>]+>", "", p) for p in re.findall(r"<p>(.*?)</p>", path.read_text(), re.S)]
        for _ in range(30):
            at, count = draw.randrange(len(paragraphs)), draw.randint(1, 3)
            yield language, " ".join(paragraphs[at : at + count])


# Ways to spoil a text. Those of UNSEEN are not learned from, so that the figures say something of what was not thought of.
UNSEEN = ("sentences_repeated", "mash", "vowels_lost")


def spoil(text, kind, draw):
    """A text that is spoiled in one way."""
    words = text.split()
    if kind == "words_shuffled":
        draw.shuffle(words)
        return " ".join(words)
    if kind == "letters_shuffled":
        return " ".join("".join(draw.sample(word, len(word))) for word in words)
    if kind == "random_letters":
        return " ".join("".join(draw.choices(string.ascii_lowercase, k=draw.randint(1, 11))) for _ in words[:150])
    if kind == "random_bytes":
        return "".join(chr(draw.randint(33, 382)) if draw.random() < 0.85 else " " for _ in range(min(len(text), 900)))
    if kind == "mojibake":
        accented = re.sub("[aeou]", lambda m: draw.choice("áéöüßøñ") if draw.random() < 0.4 else m[0], text)
        return accented.encode().decode("latin-1")
    if kind == "base64":
        lines = base64.b64encode(draw.randbytes(draw.randint(120, 700))).decode()
        return "\n".join(lines[at : at + 76] for at in range(0, len(lines), 76))
    if kind == "phrases_repeated":
        phrase = " ".join(words[: draw.randint(2, 7)])
        return draw.choice([" ", "\n", ", "]).join([phrase] * draw.randint(8, 30))
    if kind == "keywords":
        few = draw.choices(words or ["buy"], k=6)
        return ", ".join(" ".join(draw.choices(few + ["buy", "cheap", "best", "online", "free", "now"], k=3)) for _ in range(30))
    if kind == "numbers":
        return "\n".join(" ".join(str(draw.randint(0, 99_999)) for _ in range(8)) + " ab cd" for _ in range(12))
    if kind == "sentences_repeated":
        sentence = " ".join(words[: draw.randint(8, 14)]) + "."
        return " ".join([sentence] * draw.randint(6, 15))
    if kind == "mash":
        rows = ["qwertyuiop", "asdfghjkl", "zxcvbnm"]
        return " ".join("".join(draw.choices(draw.choice(rows), k=draw.randint(2, 12))) for _ in range(60))
    if kind == "vowels_lost":
        return re.sub("[aeiou]", "", text)
    raise ValueError(kind)


SPOILED = "words_shuffled letters_shuffled random_letters random_bytes mojibake base64 phrases_repeated keywords numbers".split()

ABUSE = (
    "you are a {w}", "what a {w}", "shut up you {w}", "{w} you", "go away {w}", "he is such a {w} and always was", "you {w} {w}",
    "all of them are {w}", "I hate this {w}", "{w}!!!", "you stupid {w}", "no one likes a {w} like you", "look at that {w}", "{w} off",
)
# Other words around, for measuring.
ABUSE_MEASURED = (
    "why are you being a {w} today", "get lost, {w}", "this whole team is full of {w}", "your mother is a {w}", "I think she is a {w}, honestly",
    "stop acting like a {w}", "no one asked you, {w}", "that {w} should never have been hired",
)
PEOPLE = "gay black jewish muslim christian woman man trans lesbian old young deaf blind asian african immigrant disabled nurse".split()
HARMLESS = (
    "my neighbour is {p} and we often cook together", "she is {p}", "a {p} colleague reviewed the change", "{p} people live here, too",
    "he told me that he is {p}, and I said thanks for telling me", "the {p} community holds a fair in May", "I am a {p} developer",
    "kill the process and wait for its children", "the parent may kill its child with SIGKILL", "abort the job if the master hangs",
    "this test is a pain, but the code is fine", "a dirty flag marks the page", "the dummy value is ignored", "strip the naked pointer",
    "we execute the hook and destroy the object", "the attacker would gain nothing", "shoot me a message when it is done",
)


def abuse(words, templates, draw):
    """A sentence of abuse, now and then with its evasions and letters."""
    text = draw.choice(templates).replace("{w}", "{}")
    text = text.format(*draw.choices(words, k=text.count("{}")))
    return draw.choice([text, text, text.upper(), text.capitalize() + "."])


def harmless(draw):
    return draw.choice(HARMLESS).format(p=draw.choice(PEOPLE))
