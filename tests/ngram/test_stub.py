"""fastlm/_ngram.pyi says what the module has: its names, and of each function the parameters with their defaults."""

import ast
from pathlib import Path

import fastlm
from fastlm import _ngram

STUB = ast.parse(Path(fastlm.__file__).with_name("_ngram.pyi").read_text())


def public(names):
    return {name for name in names if not name.startswith("_")}


def defined(body):
    """{name: its definitions, overloads among them}."""
    found = {}
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.AnnAssign):
            found.setdefault(node.target.id, [])
    return found


def parameters(function):
    """Of a definition, without self: positional ones, those by keyword, and the values of defaults by name."""
    arguments = function.args
    positional = [a.arg for a in arguments.args if a.arg != "self"]
    keyword = [a.arg for a in arguments.kwonlyargs]
    defaults = dict(zip(reversed(positional), reversed(arguments.defaults), strict=False))
    defaults |= {name: value for name, value in zip(keyword, arguments.kw_defaults, strict=True) if value}
    return positional, keyword, {name: value_of(value) for name, value in defaults.items()}


def value_of(node):
    value = eval(compile(ast.Expression(node), "default", "eval"), {})  # as 1 << 30
    return tuple(value) if isinstance(value, list) else value


def of_module(function):
    """The same of a function of the module, whose documentation begins with its signature."""
    signature = function.__doc__.splitlines()[0].replace("::", ".")
    return parameters(ast.parse(f"def {signature}: ...").body[0])


def check(where, found, stub):
    assert public(vars(found)) == public(stub), where
    for name, nodes in stub.items():
        functions = [node for node in nodes if isinstance(node, ast.FunctionDef) and is_method(node)]
        if functions and not (name.startswith("__") and name != "__init__"):
            for node in functions:
                assert parameters(node) == of_module(getattr(found, name)), f"{where}.{name}"


def is_method(node):
    return not any(isinstance(d, ast.Name) and d.id == "property" for d in node.decorator_list)


def test_the_stub_says_what_the_module_has():
    stub = defined(STUB.body)
    check("_ngram", _ngram, stub)
    for name, (node, *_) in ((name, nodes) for name, nodes in stub.items() if nodes):
        if isinstance(node, ast.ClassDef) and name != "FormatError":
            check(name, getattr(_ngram, name), defined(node.body))
