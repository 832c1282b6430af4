"""Generates the corpus: plain stories and chats, one JSON string per line, the same bytes for the same seed.

    python corpus.py --documents 90000 --seed 1 --out corpus.jsonl
"""

import argparse
import json
import random

import world as w
from plots import PLOTS, Person, Story, article

USER, ASSISTANT, END = "<|user|>\n", "<|assistant|>\n", "<|end|>\n"
NEW_NAME_SHARE = 0.06   # invented names teach the model to copy a name it has never seen


def render_chat(turns):
    """[(question, answer), ...] in the form of the chat template."""
    return "".join(f"{USER}{q}{END}{ASSISTANT}{a}{END}" for q, a in turns)


# --- stories ---------------------------------------------------------------------------------------------------------

def invented_name(rng):
    syllables = "ba be bi bo da do fi fo ka ki la li lo ma mi mo na ni pa ra ri ro sa si ta ti to va vi za zo".split()
    return "".join(rng.choice(syllables) for _ in range(rng.choice((2, 3)))).capitalize()


def make_person(rng, noun=None, avoid=()):
    male = rng.random() < 0.5
    if noun in ("boy", "girl"):
        male = noun == "boy"
    if noun is None:
        noun = ("boy" if male else "girl") if rng.random() < 0.3 else rng.choice(w.ANIMALS).noun
    while True:
        human = noun in ("boy", "girl")
        pool = (w.BOYS if male else w.GIRLS) if human else (w.PETS_HE if male else w.PETS_SHE)
        name = invented_name(rng) if rng.random() < NEW_NAME_SHARE else rng.choice(pool)
        if name not in avoid:
            return Person(name, noun, rng.choice(w.TRAITS), w.HE if male else w.SHE)


def make_story(rng, **fixed):
    hero = fixed.get("hero") or make_person(rng)
    friend = fixed.get("friend") or make_person(rng, avoid=(hero.name,))
    while friend.noun == hero.noun:
        friend = make_person(rng, avoid=(hero.name,))
    thing = fixed.get("thing") or rng.choice(w.THINGS)
    place = fixed.get("place") or rng.choice(w.HOMES)
    place2 = rng.choice([p for p in w.PLACES if p != place])
    story = Story(rng, hero, friend, thing, rng.choice(thing.looks), place, place2)
    rng.choice(PLOTS)(story)
    return story


def paragraphs(story):
    """Two or three paragraphs: setting, trouble, end."""
    n, s = len(story.sentences), story.sentences
    cut = max(2, n // 3 + story.rng.choice((-1, 0, 1))), n - story.rng.choice((2, 3))
    return "\n\n".join(" ".join(part) for part in (s[:cut[0]], s[cut[0]:cut[1]], s[cut[1]:]) if part)


def story_turns(rng, questions):
    """A request, a story with the wanted ingredients, and some questions about it."""
    hero, thing, place = make_person(rng), rng.choice(w.THINGS), rng.choice(w.HOMES)
    lead = rng.choice(["Tell me a story about ", "Tell me a story about ", "Write a short story about ", "Can you tell me a story about ",
                       "Please tell me a story about ", "I want a story about "])
    tail = "?" if lead.startswith("Can") else "."
    who, what, where = article(hero.noun), article(thing.noun), f"{place[1]} the {place[0]}"
    fixed, kind = {}, rng.random()
    if kind < 0.45:
        ask, fixed = f"{lead}{who} and {what}{tail}", dict(hero=hero, thing=thing)
    elif kind < 0.55:
        ask, fixed = f"{lead}{who}{tail}", dict(hero=hero)
    elif kind < 0.65:
        ask, fixed = f"{lead}{what}{tail}", dict(thing=thing)
    elif kind < 0.77:
        ask, fixed = f"{lead}{who} named {hero.name} and {what}{tail}", dict(hero=hero, thing=thing)
    elif kind < 0.87:
        ask, fixed = f"{lead}{who} {where}{tail}", dict(hero=hero, place=place)
    elif kind < 0.95:
        friend = make_person(rng, avoid=(hero.name,))
        while friend.noun == hero.noun:
            friend = make_person(rng, avoid=(hero.name,))
        ask, fixed = f"{lead}{who} and {article(friend.noun)}{tail}", dict(hero=hero, friend=friend)
    else:
        ask = rng.choice(["Tell me a story.", "Can you tell me a story?", "Please tell me a story.", "I would like to hear a story."])
    story = make_story(rng, **fixed)
    picked = rng.sample(story.qa, min(questions, len(story.qa)))
    return [(ask, paragraphs(story))] + picked


# --- short talk ------------------------------------------------------------------------------------------------------

GREETINGS = [
    ("Hello!|Hi!|Hello.|Hi there!|Good morning!|Good evening!", "Hello! How can I help you?|Hello! Would you like to hear a story?|Hello! It is nice to meet you."),
    ("How are you?|How are you today?", "I am fine, thank you. How are you?|I am very well, thank you."),
    ("Who are you?|What are you?|What is your name?", "I am a small language model. I like to tell stories.|I am a very small language model that tells stories."),
    ("What can you do?|How can you help me?", "I can tell you stories, answer simple questions and explain small things."),
    ("Thank you.|Thank you!|Thanks!", "You are welcome!|You are very welcome."),
    ("Goodbye!|Bye!|Good night!|See you soon.", "Goodbye! Come back soon.|Goodbye! It was nice to talk to you."),
    ("I am sad.|I feel sad today.", "I am sorry that you are sad. A walk or a good friend can help. Would you like to hear a story?"),
    ("I am happy.|I feel happy today.", "That is good to hear! I am glad that you are happy."),
    ("I am tired.|I am so tired.", "Then you should rest. A good sleep helps a lot."),
    ("I am hungry.", "Then you should eat something. Some bread and an apple would be good."),
    ("I am bored.", "You could read a book, go for a walk or play with a friend. Or I can tell you a story."),
    ("I am afraid.|I am afraid of the dark.", "Do not worry. Take a deep breath and think of something nice. Everybody is afraid sometimes."),
    ("Can you help me?|Please help me.", "Of course! What would you like to know?"),
    ("Do you like stories?|What do you like?", "Yes, I like stories very much, most of all stories about animals and good friends."),
]


def greeting(rng):
    q, a = rng.choice(GREETINGS)
    return rng.choice(q.split("|")), rng.choice(a.split("|"))


def about_thing(rng):
    t = rng.choice(w.THINGS)
    a = article(t.noun)
    return rng.choice([
        (rng.choice([f"What is {a}?", f"What is {a}?", f"Explain what {a} is.", f"Tell me what {a} is."]), f"{a.capitalize()} is {t.what}. You can use it to {t.use}."),
        (rng.choice([f"What can I do with {a}?", f"What is {a} good for?", f"What do you use {a} for?"]), f"You can use {a} to {t.use}."),
        (f"What can I use to {t.use}?", f"You can use {a} to {t.use}."),
    ])


def about_animal(rng):
    x = rng.choice(w.ANIMALS)
    a = article(x.noun)
    return rng.choice([
        (rng.choice([f"What is {a}?", f"What is {a}?", f"Tell me about the {x.noun}."]), f"{a.capitalize()} is an animal with {x.looks}. It lives {x.home} and eats {x.food}."),
        (f"Where does {a} live?", f"{a.capitalize()} lives {x.home}."),
        (rng.choice([f"What does {a} eat?", f"What does {a} like to eat?"]), f"{a.capitalize()} eats {x.food}."),
        (rng.choice([f"What does {a} look like?", f"How does {a} look?"]), f"{a.capitalize()} has {x.looks}."),
    ])


def about_place(rng):
    noun, _, what = rng.choice(w.PLACES)
    return f"What is {article(noun)}?", f"{article(noun).capitalize()} is {what}."


def small_fact(rng):
    kind = rng.randrange(6)
    if kind == 0:
        pair = rng.choice(w.OPPOSITES.split("|")).split()
        rng.shuffle(pair)
        return f"What is the opposite of {pair[0]}?", f"The opposite of {pair[0]} is {pair[1]}."
    if kind == 1:
        noun, colour = rng.choice(w.COLOURS.split("|")).rsplit(" ", 1)
        return f"What color is {noun}?", f"{noun[0].upper() + noun[1:]} is {colour}."
    if kind == 2:
        noun, sound = rng.choice(w.SOUNDS.split("|")).split()
        return f"What sound does a {noun} make?" if noun[0] != "o" else f"What sound does an {noun} make?", f"{article(noun).capitalize()} {sound}."
    if kind == 3:
        i = rng.randrange(7)
        return f"What day comes after {w.DAYS[i]}?", f"After {w.DAYS[i]} comes {w.DAYS[(i + 1) % 7]}."
    if kind == 4:
        i = rng.randrange(12)
        return f"What month comes after {w.MONTHS[i]}?", f"After {w.MONTHS[i]} comes {w.MONTHS[(i + 1) % 12]}."
    n = rng.randrange(3, 11)
    return f"Count to {w.NUMBERS[n]}.", ", ".join(w.NUMBERS[1:n + 1]).capitalize() + "."


def small_sum(rng):
    a, b = rng.randrange(1, 7), rng.randrange(1, 7)
    if rng.random() < 0.3 and a > b:
        return f"What is {w.NUMBERS[a]} minus {w.NUMBERS[b]}?", f"{w.NUMBERS[a].capitalize()} minus {w.NUMBERS[b]} is {w.NUMBERS[a - b]}."
    return f"What is {w.NUMBERS[a]} plus {w.NUMBERS[b]}?", f"{w.NUMBERS[a].capitalize()} plus {w.NUMBERS[b]} is {w.NUMBERS[a + b]}."


def list_some(rng):
    kind, pool = rng.choice([("animals", [x.noun for x in w.ANIMALS]), ("places", [p[0] for p in w.PLACES]), ("things", [t.noun for t in w.THINGS])])
    n = rng.choice((2, 3, 4))
    names = [article(x) for x in rng.sample(pool, n)]
    return f"Name {w.NUMBERS[n]} {kind}.", (", ".join(names[:-1]) + " and " + names[-1] + ".").capitalize()


def poem(rng):
    thing, x = rng.choice(w.THINGS).noun, rng.choice(w.ANIMALS).noun
    topic, lines = rng.choice([
        (x, f"A little {x} went out one day,|It met a friend upon the way.|They sang a song, they danced around,|And rolled in laughter on the ground."),
        (x, f"The {x} lay down to sleep at night,|The moon came up and gave it light.|The stars were shining, far and deep,|And watched the little {x} sleep."),
        (thing, f"I have a {thing}, it is mine,|I take it out when it is fine.|And when a friend comes by to play,|We share it all the sunny day."),
        (thing, f"A {thing} lay upon the floor,|Nobody used it any more.|A child came in and picked it up,|And drank some water from a cup."),
    ])
    return rng.choice([f"Write a poem about {article(topic)}.", f"Write a short poem about {article(topic)}."]), lines.replace("|", "\n")


TALK = [greeting, greeting, about_thing, about_thing, about_thing, about_animal, about_animal, about_place, small_fact, small_fact, small_sum, list_some, poem]


def talk_turns(rng, count):
    return [rng.choice(TALK)(rng) for _ in range(count)]


# --- documents -------------------------------------------------------------------------------------------------------

def make_document(rng):
    kind = rng.random()
    if kind < 0.35:
        return paragraphs(make_story(rng))
    if kind < 0.70:
        return render_chat(story_turns(rng, rng.choice((0, 1, 2, 3))))
    if kind < 0.90:
        return render_chat(talk_turns(rng, rng.choice((1, 1, 2, 3, 4))))
    turns = []   # a long conversation: talk and stories mixed
    for _ in range(rng.choice((2, 3, 4))):
        turns += story_turns(rng, rng.choice((0, 1, 2))) if rng.random() < 0.6 else talk_turns(rng, rng.choice((1, 2)))
    return render_chat(turns)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=90000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with open(args.out, "w", encoding="utf-8") as out:
        for _ in range(args.documents):
            out.write(json.dumps(make_document(rng)) + "\n")


if __name__ == "__main__":
    main()
