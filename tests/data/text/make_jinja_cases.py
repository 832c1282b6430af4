"""Renders small templates with Jinja, in the environment that `transformers` gives chat templates.

    pip install jinja2
    python make_jinja_cases.py           # writes jinja_cases.json

Each case is a template with its output, or the fact that it is refused ("error": the message).
"""

import json
import pathlib

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

VARIABLES = {
    "messages": [{"role": "system", "content": " Be brief. "}, {"role": "user", "content": "Grüße, \"x\" & <y>\n"},
                 {"role": "assistant", "content": None, "tool_calls": [{"name": "f", "arguments": {"a": 1, "b": [True, None]}}]}],
    "text": "  Hello wörld, hello  ", "empty": "", "zero": 0, "n": 7, "big": 12345678901, "half": 2.5, "tiny": 1e-7,
    "huge": 1e22, "yes": True, "no": False, "nothing": None, "list": [3, 1, 2], "names": ["b", "A", "c", "a"],
    "dict": {"b": 1, "a": {"x": "y"}, "items": 5}, "nested": [[1, [2]], {"k": ["v"]}], "lines": "one\ntwo\r\nthree\n",
    "odd": "tab\t nul\u0000 quote' dq\" back\\ \u00e9\u65e5\U0001f680 \u200b\u00a0\u007f", "bos_token": "<s>",
}

EXPRESSIONS = """
1 + 2 * 3 ** 2 // 4 - 5 % 3
-7 // 2 ~ ' ' ~ -7 % 3 ~ ' ' ~ 7 % -3 ~ ' ' ~ -7 / 2
2 ** -1
-2 ** 2
7 / 7
1.5 + 1
half * 2
tiny
huge
1e15 * 10 ~ ' ' ~ 1e15
0.1 + 0.2
100 * 1.1
n > 3 and n < 10
3 < n < 7
1 == 1.0 == true
not yes or no
empty or 'x'
nothing or zero
'a' if no else 'b'
'a' if no
'abc' < 'abd'
[1, 2] < [1, 3]
(1, 2) == [1, 2]
1 in list
5 not in list
'wör' in text
'b' in dict
not 1 in list
'a' 'b' "c"
'it\\'s' ~ "\\n" ~ '\\x41\\u00e9\\U0001f680\\q'
[1, 'two', 3.0, none, true, {'a': (1,)}, ()]
{'a': 1, 'b': [2], 3: 'c'}
{'a': 1}['a']
dict.a.x
dict['a']['x']
dict.items()|list
dict.missing
dict.missing is defined
dict.missing.more
missing
missing is defined
missing.x
missing ~ 'x'
missing + 'x'
missing|length
missing == none
nothing.x
list[0] ~ list[-1]
list[9] is defined
list[1:] ~ list[:-1] ~ list[::-1] ~ list[::2]
text[2:7] ~ '|' ~ text[-3:] ~ '|' ~ text[::-1]
text[9]
list.0
'%s-%d-%05.2f-%x' % ('a', 42, 3.14159, 255)
'%s' % text
'%s' % none
'%5s|%-5s|' % ('a', 'b')
'a' * 3
[1] * 2 + [3]
'a' + 1
1 + 'a'
none + 1
list + text
text.strip() ~ '|'
text.lstrip() ~ '|' ~ text.rstrip() ~ '|'
'xxaxx'.strip('x')
text.split()
'a,b,,c'.split(',')
'a,b,,c'.split(',', 1)
'a,b,,c'.rsplit(',', 1)
' a  b '.split(none, 1)
lines.splitlines()
lines.splitlines(true)
text.upper() ~ text.lower() ~ text.title() ~ text.capitalize()
'they\\'re bill\\'s'.title() ~ 'x-y z'|title
text.replace('l', 'L') ~ text.replace('l', 'L', 2)
text.startswith('  H') ~ text.endswith(('x', ' '))
text.find('w') ~ text.find('zz') ~ text.rfind('l') ~ text.count('l')
text.index('zz')
'-'.join(names)
'-'.join(list)
'abc'.isalpha() ~ '12'.isdigit() ~ 'aB1'.isalnum() ~ ' '.isspace() ~ 'AB'.isupper() ~ 'a'.islower() ~ ''.isalpha()
'prefix-x'.removeprefix('prefix-') ~ 'x.y'.removesuffix('.y')
dict.get('b') ~ dict.get('zz') ~ dict.get('zz', 4)
dict.keys()|list ~ dict.values()|list
list.index(1) ~ list.count(3)
list.append(4)
dict.update({'c': 1})
text.__class__
text|trim ~ '|' ~ '..a..'|trim('.')
text|length ~ list|length ~ dict|length ~ 'é日🚀'|length
5|length
empty|default('d') ~ empty|default('d', true) ~ missing|default('m') ~ missing|d
nothing|default('d')
names|join(', ') ~ list|join ~ messages|join('/', attribute='role')
names|first ~ names|last ~ []|first
names|sort ~ names|sort(reverse=true) ~ names|sort(case_sensitive=true) ~ list|sort
messages|sort(attribute='role')|map(attribute='role')|list
[1, 'a']|sort
names|unique|list
[1, 1.0, 2, 'A', 'a']|unique|list
list|min ~ list|max ~ list|sum ~ names|max
messages|map(attribute='role')|join(',')
names|map('upper')|list
[1, 2, 3]|select('odd')|list ~ [1, 2, 3]|reject('odd')|list
messages|selectattr('role', 'equalto', 'user')|list|length
messages|rejectattr('content')|map(attribute='role')|list
messages|selectattr('missing')|list
messages|selectattr('content', 'none')|map(attribute='role')|first
'yes' if []|select else 'no'
[]|select|list|length
list|reverse|list ~ 'abc'|reverse
dict|dictsort
{'b': 1, 'A': 2}|dictsort(true) ~ {'b': 1, 'A': 2}|dictsort(by='value')
dict|items|list
'a'|list
dict|list
'12'|int + '3.9'|int ~ 'x'|int ~ 'x'|int(5) ~ '0x1f'|int(0, 16) ~ 'ff'|int(base=16) ~ 3.9|int
'1.5'|float ~ 'x'|float ~ 2|float
-3|abs ~ (-2.5)|abs
2.567|round(2) ~ 2.5|round ~ 3.5|round ~ 2.4|round(0, 'ceil') ~ 2.6|round(method='floor')
names|string ~ 1|string ~ none|string
text|upper ~ text|lower ~ text|capitalize
'<a href="x">&\\'</a>'|e
'<b>'|safe + '<i>' + '&'
'<b>'|e|e
'a\\nb\\n\\nc'|indent ~ '|' ~ 'a\\nb'|indent(2, true) ~ '|' ~ 'a\\n\\nb'|indent('> ', blank=true)
'%s: %s'|format('a', 1)
'a-b-c'|replace('-', '+', 1)
'one two  three'|wordcount
messages|tojson
dict|tojson(indent=2)
nested|tojson(indent=1)
[[], {}, '', 0]|tojson(indent=4)
odd|tojson
odd|tojson(ensure_ascii=true)
{'b': 1, 'a': 2}|tojson(sort_keys=true) ~ {'a': 1, 'b': [1, 2]}|tojson(separators=(',', ':'))
{1: 'a', none: 'b', true: 'c', 1.5: 'd'}|tojson
[1.0, 1e100, -0.0, 123456789.123]|tojson
missing|tojson
odd
[odd]
nested
5 is number and 5 is integer and 5.0 is float and 'a' is string and [] is sequence and {} is mapping
true is number ~ true is integer ~ true is boolean ~ true is true ~ false is false ~ 1 is true
'a' is iterable ~ 5 is iterable ~ none is none ~ none is not none ~ missing is undefined
3 is odd ~ 4 is even ~ 9 is divisibleby 3 ~ 9 is divisibleby(4)
3 is eq 3 ~ 3 is ne 3 ~ 3 is lt 4 ~ 3 is ge 4 ~ 3 is in [3] ~ 3 is greaterthan 2
'a' is lower ~ 'A' is upper ~ 'aB' is lower
'trim' is filter ~ 'nofilter' is filter ~ 'odd' is test
range is callable ~ 5 is callable
'' is defined and not nothing
range(3)|list ~ range(1, 4)|list ~ range(5, 0, -2)|list
range(1000000)
dict(a=1, b='x')
namespace(a=1).a
raise_exception('refused: ' ~ n)
nofilter|nofilter
'a'|nofilter
1 is notatest
1 / 0
n()
text.nomethod()
5 in 5
for
1 +
'open
[1, 2
(1))
a b
loop
""".strip("\n").split("\n")

TEMPLATES = [
    "a{% if yes %}b{% endif %}c", "{% if no %}a{% elif n == 7 %}b{% else %}c{% endif %}",
    "line\n{% if yes %}\nindented\n{% endif %}\nend\n", "  {% if yes %}\n  x\n  {% endif %}\n  y",
    "x  {%- if yes -%}  y  {%- endif -%}  z", "x {%+ if yes %}\ny{% endif +%}\nz", "a {{- 1 -}} b {{ 2 }}\nc",
    "{# comment #}\na{#- strip -#}  b\n   {# lines\nlong #}\nc", "{{ 'a}}b' }}{{ {'a': {'b': 1}} }}", "{{ '{% x %}' }}",
    "{% raw %}{{ not }} {% if %}{% endraw %}\nx", "a\r\nb\rc\n{{ 1 }}\n", "{{ 1 }}\n\n", "\n{% set a = 1 %}\n{{ a }}",
    "{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {{ m.role }};{% endfor %}",
    "{% for x in [] %}a{% else %}none{% endfor %}{% for x in missing %}a{% else %}u{% endfor %}",
    "{% for x in nothing %}a{% endfor %}", "{% for x in 5 %}a{% endfor %}", "{% for c in 'aé日' %}[{{ c }}]{% endfor %}",
    "{% for k, v in dict.items() %}{{ k }}={{ v }};{% endfor %}{% for k in dict %}{{ k }}{% endfor %}",
    "{% for k, v in dict|dictsort %}{{ k }}{% endfor %}{% for (a, b), c in [((1, 2), 3)] %}{{ a + b + c }}{% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}x{% endfor %}", "{% for x in 1, 2 %}{{ x }}{% endfor %}",
    "{% for x in list if x > 1 %}{{ loop.index }}:{{ x }}/{{ loop.length }} {% endfor %}",
    "{% for x in list %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% if x == 2 %}{% break %}{% endif %}{% endfor %}!",
    "{% for x in list %}{{ loop.previtem if loop.previtem is defined else '-' }}{{ loop.nextitem|default('+') }}{{ loop.cycle('o', 'e') }}{% if loop.changed(x > 2) %}c{% endif %}{% endfor %}",
    "{% for x in [1, 2] %}{% for y in [1, 2] %}{{ loop.depth }}{{ x * y }}{% endfor %}{{ loop.depth0 }}{% endfor %}",
    "{% set x = 1 %}{% for i in list %}{% set x = i %}{{ x }}{% endfor %}{{ x }}", "{% set ns = namespace(x=0) %}{% for i in list %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}{{ ns.y is defined }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set t = 1, %}{{ t }}", "{% set a, b = [1] %}", "{% set d.x = 1 %}", "{% if yes %}{% set z = 5 %}{% endif %}{{ z }}",
    "{% set block %}\n  inner {{ n }}\n{% endset %}[{{ block }}]", "{% set block | trim | upper %}\n  inner\n{% endset %}[{{ block }}]",
    "{% filter upper %}abc {{ n }}{% endfilter %}{% filter trim | replace('a', 'b') %}  aa  {% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a is defined }}",
    "{% macro m(a, b='d', c=none) %}<{{ a }}|{{ b }}|{{ c }}>{% endmacro %}{{ m(1) }}{{ m(1, 2, 3) }}{{ m(a=5, c=6) }}{{ m() }}",
    "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{% endmacro %}{{ m(b=1) }}",
    "{% macro f(n) %}{{ n }}{% if n > 0 %},{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% set g = 1 %}{% macro m() %}{{ g }}{% endmacro %}{% set g = 2 %}{{ m() }}",
    "{% macro wrap(tag) %}<{{ tag }}>{{ caller() }}</{{ tag }}>{% endmacro %}{% for x in [1, 2] %}{% call wrap('b') %}{{ x }}{% endcall %}{% endfor %}",
    "{% macro each(l) %}{% for x in l %}{{ caller(x) }}{% endfor %}{% endmacro %}{% call(v) each(list) %}[{{ v }}]{% endcall %}",
    "{% generation %}{{ n }}{% endgeneration %}", "{{ messages[0].content | trim }}{{ messages[1]['content'] }}{{ messages[2].tool_calls[0].arguments | tojson }}",
    "{{ messages[2].content }}{{ messages[2]['content'] is none }}{{ messages[0].tool_calls is defined }}{{ 'tool_calls' in messages[2] }}",
    "{% if messages[0]['role'] == 'system' %}{% set system = messages[0].content %}{% set messages = messages[1:] %}{% endif %}{{ system }}{{ messages|length }}",
    "{% if x %}", "{% endif %}", "{% for x %}{% endfor %}", "{% unknown %}", "{{ }}", "{{ 1", "{% if 1 }}", "{% break %}", "{% include 'x' %}", "{% set x %}",
    "{% macro m(a=1, b) %}{% endmacro %}", "{{ 'a' | }}", "{{ f(a=1, 2) }}", "{% else %}", "{# open", "{% raw %} x", "{% for x in [1] %}{% endif %}{% endfor %}",
    "{{ messages | selectattr('role', 'in', ['user', 'system']) | list | length }}", "{{ bos_token + messages[0].role }}{{- '\\n' -}}  {{ 'x' }}",
    "{{ [1, 2, 3][1:][0] }}{{ 'abc'[1:][0] }}{{ (1, 2)[0] }}{{ 'a.b'.split('.')[-1] }}{{ ('x' ~ 'y')|upper }}{{ 'a' ~ 'b'|upper }}",
    "{{ 'yes' if dict.a and dict.a.x == 'y' else 'no' }}{{ ('a' if yes else 'b') ~ 'c' }}{{ 1 if no else 2 if no else 3 }}",
    "{% set ns = namespace() %}{% set ns.list = [] %}{% for m in messages %}{% set ns.list = ns.list + [m.role] %}{% endfor %}{{ ns.list }}",
]


def environment():
    class Generation(jinja2.ext.Extension):
        tags = {"generation"}

        def parse(self, parser):
            line = next(parser.stream).lineno
            body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
            return jinja2.nodes.Scope(body).set_lineno(line)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                         extensions=[Generation, jinja2.ext.loopcontrols])
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    return made


def case(made, source):
    try:
        return {"template": source, "text": made.from_string(source).render(**VARIABLES)}
    except Exception as error:  # whatever Python raises, the template is refused
        return {"template": source, "error": str(error)}


def main():
    made = environment()
    sources = ["{{ " + expression + " }}" for expression in EXPRESSIONS] + TEMPLATES
    lines = ",\n".join(json.dumps(case(made, source)) for source in sources)
    out = '{"variables": ' + json.dumps(VARIABLES) + ',\n"cases": [\n' + lines + "\n]}\n"
    (pathlib.Path(__file__).parent / "jinja_cases.json").write_text(out)
    print(len(sources), "cases,", sum('"error"' in line for line in lines.split("\n")), "refused")


if __name__ == "__main__":
    main()
