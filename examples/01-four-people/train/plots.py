"""Twelve plots. Each one fills a `Story` with sentences and with the questions that the story answers.

Sentence notation: `[a|b|c]` picks one variant, `{slot}` is filled from the cast. Slots for the hero are {H} (name),
{h} ("the fox"), {he} {him} {his}; for the friend {F}, {f}, {fhe}, {fhim}, {fhis}; {t} is the thing, {at} the thing
with article and adjective, {p} the place with article, {inp} with its preposition. A capital first letter is kept.
"""

import re
from dataclasses import dataclass, field

import world as w

CHOICE = re.compile(r"\[([^\[\]]*)\]")


def article(words):
    return ("an " if words[0] in "aeiou" else "a ") + words


@dataclass
class Person:
    name: str
    noun: str      # fox, girl, boy
    trait: str
    pronouns: tuple


@dataclass
class Story:
    rng: object
    hero: Person
    friend: Person
    thing: w.Thing
    look: str
    place: tuple
    place2: tuple
    sentences: list = field(default_factory=list)
    qa: list = field(default_factory=list)

    def __post_init__(self):
        h, f, r = self.hero, self.friend, self.rng
        self.slots = dict(
            H=h.name, h="the " + h.noun, ah=article(h.noun), ath=article(f"{h.trait} {h.noun}"), hn=h.noun,
            he=h.pronouns[0], him=h.pronouns[1], his=h.pronouns[2],
            F=f.name, f="the " + f.noun, af=article(f.noun), atf=article(f"{f.trait} {f.noun}"),
            fhe=f.pronouns[0], fhim=f.pronouns[1], fhis=f.pronouns[2],
            t=self.thing.noun, at=article(f"{self.look} {self.thing.noun}"), lt=f"{self.look} {self.thing.noun}",
            p="the " + self.place[0], inp=f"{self.place[1]} the {self.place[0]}",
            p2="the " + self.place2[0], inp2=f"{self.place2[1]} the {self.place2[0]}", spot=r.choice(w.SPOTS))

    def fill(self, text):
        while m := CHOICE.search(text):
            text = text[:m.start()] + self.rng.choice(m.group(1).split("|")) + text[m.end():]
        text = text.format_map(self.slots)
        return re.sub(r'(^|[.!?] |[.,!?] ")([a-z])', lambda m: m.group(1) + m.group(2).upper(), text) \
            if text[0] != '"' else re.sub(r'(^"|[.!?] )([a-z])', lambda m: m.group(1) + m.group(2).upper(), text)

    def say(self, text, chance=1.0):
        if self.rng.random() < chance:
            self.sentences.append(self.fill(text))

    def ask(self, question, answer):
        self.qa.append((self.fill(question), self.fill(answer)))

    def lesson(self, topic):
        moral = self.rng.choice(w.LESSONS[topic])
        self.slots["moral"] = moral
        self.say("[From that day on, {H} knew that {moral}.|And so {H} learned that {moral}.|"
                 "{H} never forgot that {moral}.]", 0.7)
        if moral in self.sentences[-1]:
            self.ask("What did {H} learn?", "{H} learned that {moral}.")

    def happy_end(self):
        self.say("[That evening they went home happy.|They laughed all the way home.|They stayed best friends all their lives.|"
                 "After that they met every day to play.|That night {H} slept very well.|It was the best day of the year.]")


def opening(s):
    s.say("[Once upon a time, there was {ath} named {H}.|Once there was {ath} named {H}.|This is the story of {ath} named {H}.|"
          "Long ago, {ath} named {H} lived {inp}.|There once was {ath} called {H}.]")
    if " lived " not in s.sentences[0]:
        s.say("[{H} lived {inp}.|{he} lived {inp}.|{h}'s home was {inp}.]")
    s.ask("[Who is the story about?|Who was the story about?]", "The story is about {ah} named {H}.")
    s.ask("[What was the name of {h}?|What is the name of {h}?|What was {h} called?]", "{h} was called {H}.")
    s.ask("[Where did {H} live?|Where did {h} live?]", "{H} lived {inp}.")


def meet_friend(s):
    s.say("[{H} had a good friend, {atf} named {F}.|{his} best friend was {atf} named {F}.|"
          "{H} often played with {F}, {atf}.]")
    s.ask("[Who was {H}'s friend?|Who was the friend of {H}?]", "{H}'s friend was {af} named {F}.")


def own_thing(s):
    s.say("[{H} had {at}.|{h} had {at} and loved it very much.|{H} owned {at}.|The thing {he} loved most was {at}.]")
    s.say("[{he} took the {t} everywhere.|{H} kept the {t} next to {his} bed.|{he} got it from {his} grandmother.]", 0.6)
    s.ask("[What did {H} have?|What did {h} own?]", "{H} had {at}.")


def find_and_return(s):
    opening(s)
    s.say("[One morning, {H} went for a walk.|One day, {H} was looking for something to eat.|On a sunny day, {H} went out to play.]")
    s.say("[{spot}, {he} found {at}.|{he} looked {spot} and found {at}.|Then {he} saw {at} {spot}.]")
    s.say('["What a nice {t}!" said {H}.|"Oh, {at}!" said {h}.|{H} was very surprised.]', 0.7)
    s.say('["Who does it belong to?" {he} asked.|{he} wanted to keep the {t}, but {he} knew it belonged to somebody.|"Somebody must miss it," {he} thought.]')
    s.say("[Soon {he} met {atf} named {F}, who was crying.|On the way {he} met {F}, {atf}. {F} looked very sad.]")
    s.say('["I have lost my {t}," said {F}.|"My {t} is gone," {F} said with tears in {fhis} eyes.|"I cannot find my {t} anywhere," said {f}.]')
    s.say('["Is this your {t}?" asked {H}.|{H} smiled and held up the {t}. "Is it this one?"|"Look what I have found," said {H} and gave {fhim} the {t}.]')
    s.say('["Yes! Thank you so much!" said {F}.|{F} jumped for joy. "Thank you, {H}!" {fhe} said.|{F} was so happy that {fhe} hugged {H}.]')
    s.lesson("kind")
    s.happy_end()
    s.ask("[Who found the {t}?|Who found it?]", "{H} found the {t}.")
    s.ask("[Where was the {t}?|Where did {H} find the {t}?]", "The {t} was {spot}.")
    s.ask("[Who lost the {t}?|Who did the {t} belong to?]", "The {t} belonged to {F}.")
    s.ask("Why was {F} sad?", "{F} was sad because {fhe} had lost the {t}.")


def lose_and_search(s):
    opening(s)
    own_thing(s)
    s.say("[One day, the {t} was gone.|But one morning, {H} could not find the {t}.|One day, {H} came home and the {t} was gone.]")
    s.say('["Where is my {t}?" cried {H}.|{H} began to cry.|{he} looked everywhere, but {he} could not find it.]')
    s.say("[{his} friend {F}, {atf}, heard {him}.|Then {F} came by. {F} was {atf} and {his} best friend.]")
    s.say('["Do not worry, I will help you," said {F}.|"Let us look together," said {F}.|"Where did you have it last?" asked {F}.]')
    s.say("[They looked {inp2}, but it was not there.|First they went to {p2}, but they found nothing.]", 0.7)
    s.say("[At last {F} looked {spot}, and there was the {t}!|Then {F} saw something {spot}. It was the {t}!]")
    s.say('["You found it!" said {H}.|{H} was so happy that {he} danced.|"Thank you, {F}! You are a real friend," said {H}.]')
    s.lesson(s.rng.choice(["care", "help"]))
    s.happy_end()
    s.ask("[Who found the {t}?|Who found it?]", "{F} found the {t}.")
    s.ask("[Where was the {t}?|Where did they find the {t}?]", "The {t} was {spot}.")
    s.ask("[What did {H} lose?|What was gone?]", "{H} lost the {t}.")
    s.ask("Who helped {H}?", "{F} helped {H}.")


def solve_trouble(s):
    opening(s)
    if s.rng.random() < 0.5:
        own_thing(s)
        meet_friend(s)
        s.say("[One day, {H} and {F} walked to {p2}.|One afternoon, the two friends went to {p2}.]")
        s.say("[{H} took the {t} along.|{H} carried the {t}, as always.]")
    else:
        meet_friend(s)
        s.say("[One day, {H} and {F} walked to {p2}.|One afternoon, the two friends went to {p2}.]")
        s.say("[{H} had brought {at}.|{H} carried {at}.]")
        s.say('["Why do you carry that {t}?" asked {F}. "You never know," said {H}.|"What do you need that {t} for?" laughed {F}.]', 0.5)
    s.slots.update(trouble=s.thing.trouble, help=s.thing.help.format(H=s.slots["H"]))
    s.say("[On the way, {trouble}.|Suddenly, {trouble}.|After a while, {trouble}.]")
    s.say('["What shall we do now?" asked {F}.|"Oh no!" cried {F}.|{F} did not know what to do.]')
    s.say('["I have an idea," said {H}.|"Do not be afraid, I have my {t}," said {H}.|Then {H} thought of the {t}.]')
    s.say("{help}.")
    s.say('["What a good idea!" said {F}.|"You are so clever, {H}," said {F}.|{F} was very glad. "Now I know why you carry a {t}," {fhe} said.]')
    s.lesson("help")
    s.happy_end()
    s.ask("[What did {H} use?|What did {H} bring?|What did {H} carry?]", "{H} had {at}.")
    s.ask("[How did {H} help?|What did {H} do with the {t}?]", "{help}.")
    s.ask("[What was the problem?|What went wrong?]", "The problem was that {trouble}.")
    s.ask("Where did they go?", "They went to {p2}.")


def share(s):
    opening(s)
    own_thing(s)
    s.say("[One day, {F}, {atf}, came to visit.|One day, {atf} named {F} came along.]")
    s.say('["May I play with your {t}?" asked {F}.|"Can I try your {t}?" {F} asked.|"What a nice {t}! May I hold it?" asked {F}.]')
    s.say('["No, it is mine," said {H}.|"No! The {t} is only for me," said {H}.|{H} shook {his} head and held the {t} tight.]')
    s.say("[{F} became sad and went away.|{F} said nothing and sat down {spot}.|{F} lowered {fhis} head and went home.]")
    s.say("[{H} played alone, but it was not much fun.|Now {H} was alone with the {t}, and {he} felt bad.|Soon {H} felt lonely.]")
    s.say('[{he} ran to {F} and said, "I am sorry. Let us share the {t}."|{he} went to {F}. "I am sorry," {he} said. "We can use the {t} together."]')
    s.say("[{F} smiled, and they played together until the sun went down.|{F} was happy again, and they had fun all day.]")
    s.lesson("share")
    s.happy_end()
    s.ask("[What did {F} want?|What did {F} ask for?]", "{F} wanted the {t}.")
    s.ask("Why was {F} sad?", "{F} was sad because {H} did not want to share the {t}.")
    s.ask("What did they share?", "They shared the {t}.")
    s.ask("Whose {t} was it?", "The {t} belonged to {H}.")


def stuck(s):
    opening(s)
    own_thing(s)
    s.say("[One windy day, the wind blew the {t} into a tall tree.|One day, a cheeky bird took the {t} and dropped it in a high tree.|"
          "One day, {H} threw the {t} too high, and it got stuck in a tree.]")
    s.say("[{H} jumped and jumped, but {he} could not reach it.|{H} tried to climb the tree, but it was too high.|{he} shook the tree, but the {t} did not fall.]")
    s.say("[Then {F} came by. {F} was {atf}.|Just then, {atf} named {F} came along.]")
    s.say('["Why are you so sad?" asked {F}. "My {t} is up in the tree," said {H}.|"What is wrong?" asked {F}. "I cannot reach my {t}," said {H}.]')
    s.say('["Stand on my back," said {F}.|"I will bring a long stick," said {F}.|"We will do it together," said {F}.]')
    s.say("[Together they reached the {t} and brought it down.|They pushed and pulled, and at last the {t} fell down.|It was hard work, but then {H} had the {t} again.]")
    s.say('["Thank you, {F}!" said {H}.|"Alone I could not do it," said {H}.]')
    s.lesson("help")
    s.happy_end()
    s.ask("[Where was the {t}?|Where did the {t} get stuck?]", "The {t} was stuck in a tree.")
    s.ask("Who helped {H}?", "{F} helped {H}.")
    s.ask("[Why was {H} sad?|Why did {H} need help?]", "{H} could not reach the {t}.")


def gift(s):
    opening(s)
    meet_friend(s)
    s.say("[Soon it was {F}'s birthday.|Tomorrow was the birthday of {F}.|One day, {F} had a birthday.]")
    s.say('["What can I give to {F}?" thought {H}.|{H} wanted to give {fhim} something special.|{H} had no present yet.]')
    s.say("[{he} went to {p2} and looked around.|So {he} walked all the way to {p2}.]")
    s.say('[There {he} met an old man who sold {at}.|There {he} saw {at}.]')
    s.say('["That is just right for {F}," said {H}.|"{F} always wanted a {t}," {he} thought.]')
    s.say("[{he} worked all day to pay for the {t}.|{he} gave three apples for the {t}.|{he} helped to sweep the floor, and so {he} got the {t}.]")
    s.say("[At the party, {H} gave the {t} to {F}.|In the evening, {H} brought the {t} to {F}.]")
    s.say('["It is the best present of all!" said {F}.|{F} opened {fhis} eyes wide. "A {t}! Thank you, {H}!"|"How did you know that I wanted a {t}?" asked {F}.]')
    s.lesson("kind")
    s.happy_end()
    s.ask("[What did {F} get?|What was the present?|What did {H} give to {F}?]", "{F} got {at}.")
    s.ask("[Whose birthday was it?|Who had a birthday?]", "It was {F}'s birthday.")
    s.ask("Where did {H} find the {t}?", "{H} found the {t} {inp2}.")


def afraid(s):
    fear, danger = s.rng.choice(w.FEARS)
    s.slots.update(fear=fear, danger=danger)
    opening(s)
    s.say("[{H} was afraid of {fear}.|But {H} had one secret: {he} was afraid of {fear}.|Everybody knew that {H} was afraid of {fear}.]")
    s.say("[One day, {his} friend {F}, {atf}, went to {p2} and did not come back.|One evening, {F}, {atf} and {his} friend, got lost {inp2}.]")
    s.say('["I must help {F}," said {H}.|{H} was afraid, but {he} wanted to help.|{his} heart beat fast, but {he} went to look for {F}.]')
    s.say("[{he} took {at} and went out.|{he} took {at} with {him}.]")
    s.say("[{H} thought of {danger} and shook a little, but {he} held the {t} and went on.|{he} did not think of {danger} any more, only of {F}.]")
    s.say('[{spot}, {he} found {F}.|Then {he} heard a voice {spot}. It was {F}!]')
    s.say('["You came for me!" said {F}.|"I knew that you would come," said {F}.|"I am so glad to see you," said {F}.]')
    s.say('["I was afraid of {fear}, but I came," said {H}.|"Let us go home," said {H} and held up the {t}.]')
    s.lesson("brave")
    s.happy_end()
    s.ask("[What was {H} afraid of?|What did {H} fear?]", "{H} was afraid of {fear}.")
    s.ask("[Who got lost?|Who did not come back?]", "{F} got lost {inp2}.")
    s.ask("[What did {H} take?|What did {H} carry?]", "{H} took {at}.")
    s.ask("Where did {H} find {F}?", "{H} found {F} {spot}.")


def broken(s):
    opening(s)
    meet_friend(s)
    s.say("[{F} had {at}.|{F} owned {at} and was proud of it.]")
    s.say("[One day, {H} took the {t} without asking.|While {F} was asleep, {H} took the {t}.]")
    s.say("[{he} ran too fast, and the {t} fell down and broke.|{he} slipped on the wet grass, and the {t} broke.|But it fell on a stone and broke.]")
    s.say("[{H} was scared and hid the {t} {spot}.|{H} wanted to hide it {spot}.]")
    s.say('[Later {F} asked, "Have you seen my {t}?"|"Where is my {t}?" asked {F} in the evening.]')
    s.say('[{H} became red. "I took it, and I broke it. I am so sorry," {he} said.|{H} took a deep breath and told the truth. "I broke it. I am sorry."]')
    s.say('["Thank you for telling the truth," said {F}.|"I am sad about the {t}, but I am glad that you told me," said {F}.]')
    s.say("[They mended the {t} together, and it was as good as new.|They got some glue and mended the {t}.]")
    s.lesson("honest")
    s.happy_end()
    s.ask("[Who broke the {t}?|Who broke it?]", "{H} broke the {t}.")
    s.ask("[Whose {t} was it?|Who had the {t}?]", "The {t} belonged to {F}.")
    s.ask("Where did {H} hide the {t}?", "{H} hid the {t} {spot}.")
    s.ask("[What happened to the {t}?|How did the {t} break?]", "{H} took the {t} without asking, and it broke.")


def rescue(s):
    opening(s)
    s.say("[One day, {he} heard a small voice. \"Help! Help!\"|One night, {he} heard somebody cry.|Suddenly {H} heard a noise {spot}.]")
    s.say("[{he} looked {spot} and saw {atf}.|{he} ran to look. There, {spot}, sat {atf}.]")
    s.say('["I am {F}. My foot is stuck," said {f}.|"My name is {F}, and I cannot get out," said {f}.|"Please help me. I am {F}," said {f}.]')
    s.say("[{H} pulled, but {he} was not strong enough.|{H} tried to help, but it did not work.]")
    s.say("[Then {he} ran home and came back with {at}.|So {he} ran to {p2} and came back with {at}.]")
    s.say("[With the {t}, it was easy, and soon {F} was free.|{he} used the {t}, and after a while {F} was free.]")
    s.say('["You saved me!" said {F}. "How can I thank you?"|"Thank you, {H}! I will never forget this," said {F}.]')
    s.say('["Just be my friend," said {H}.|"It was nothing," said {H} and smiled.]')
    s.lesson("kind")
    s.happy_end()
    s.ask("[Who was stuck?|Who needed help?|Who called for help?]", "{F} was stuck.")
    s.ask("[Who helped {F}?|Who saved {F}?]", "{H} saved {F}.")
    s.ask("[What did {H} use?|What did {H} bring?]", "{H} used {at}.")
    s.ask("Where was {F}?", "{F} was {spot}.")


def race(s):
    opening(s)
    s.say("[{F}, {atf}, lived near by and was very fast.|Near by lived {F}, {atf}, who liked to boast.]")
    s.say('["I am faster than you," said {F}.|"You are too slow, {H}," laughed {F}.]')
    s.say('["Let us race to {p2}," said {H}.|"Then let us have a race to {p2}," said {H}.]')
    s.say("[The winner should get {at}.|The prize was {at}.]")
    s.say("[{F} ran so fast that {fhe} soon was out of sight.|At first {F} was far ahead.]")
    s.say("[But then {F} got tired and lay down {spot}.|But {F} stopped to sleep {spot}.]")
    s.say("[{H} did not stop. Step by step, {he} went on.|{H} walked on and on and did not rest.]")
    s.say("[When {F} woke up, {H} was already there.|{H} came to {p2} first.]")
    s.say('["You won, and the {t} is yours," said {F}.|So {H} won the {t}. "Well done," said {F}.]')
    s.lesson("patient")
    s.happy_end()
    s.ask("[Who won the race?|Who won?|Who was first?]", "{H} won the race.")
    s.ask("[What was the prize?|What did {H} win?]", "The prize was {at}.")
    s.ask("[Why did {F} lose?|Why did {F} not win?]", "{F} lost because {fhe} stopped to sleep.")
    s.ask("Where did they race to?", "They raced to {p2}.")


def secret_box(s):
    opening(s)
    meet_friend(s)
    s.say("[One day, they found an old box {inp2}.|One rainy day, {F} found an old box {spot}.]")
    s.say('["What is in it?" asked {H}.|"Let us open it," said {F}.|"Maybe there is gold in it," said {F}.]')
    s.say("[They pulled at the lid, but it was shut.|The lid was heavy, and they had to push together.]")
    s.say("[At last the box opened, and inside was {at}.|Then it opened. In the box lay {at}.]")
    s.say("[Next to the {t} was a letter.|There was also a letter.]")
    s.say('[It said, "Whoever finds this {t} may make one wish."|It said, "This {t} is for two good friends."]')
    s.say('["We will use it together," said {H}.|"It shall belong to both of us," said {F}.]')
    s.say("[They took turns, one day {H} and one day {F}.|So the {t} stayed with {H} in summer and with {F} in winter.]")
    s.lesson("share")
    s.happy_end()
    s.ask("[What was in the box?|What did they find?]", "In the box was {at}.")
    s.ask("[Who had the {t}?|Who did the {t} belong to?]", "The {t} belonged to {H} and {F}.")


PLOTS = [find_and_return, lose_and_search, solve_trouble, solve_trouble, share, stuck, gift, afraid, broken, rescue, race, secret_box]
