"""The small world of the stories: who lives in it, what things there are and what they are good for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Animal:
    noun: str
    looks: str   # "a fox is an animal with <looks>"
    home: str    # where it lives, with its preposition
    food: str


ANIMALS = [Animal(*row) for row in [
    ("fox", "red fur and a bushy tail", "in the forest", "berries and mice"),
    ("bear", "thick brown fur and big paws", "in the forest", "honey and fish"),
    ("rabbit", "long ears and soft fur", "in a burrow", "grass and carrots"),
    ("mouse", "tiny paws and a long thin tail", "in a small hole", "seeds and cheese"),
    ("owl", "big round eyes and quiet wings", "in an old tree", "mice"),
    ("duck", "webbed feet and a flat beak", "by the pond", "plants and small fish"),
    ("frog", "green skin and long legs", "by the pond", "flies"),
    ("turtle", "a hard shell and short legs", "by the river", "leaves"),
    ("squirrel", "a big fluffy tail and quick feet", "in a tall tree", "nuts"),
    ("hedgehog", "many sharp spines and a small nose", "under the leaves", "beetles and worms"),
    ("cat", "soft fur and sharp claws", "in a warm house", "fish and milk"),
    ("dog", "a wet nose and a wagging tail", "in a house with people", "meat and bones"),
    ("goat", "two horns and a short beard", "on the hill", "grass and leaves"),
    ("sheep", "thick white wool", "on the meadow", "grass"),
    ("horse", "four strong legs and a long mane", "in a stable", "hay and apples"),
    ("pig", "pink skin and a curly tail", "on the farm", "roots and corn"),
    ("hen", "brown feathers and a red comb", "on the farm", "corn"),
    ("crow", "black feathers and a loud voice", "in a tall tree", "seeds and worms"),
    ("deer", "long thin legs and soft brown eyes", "in the forest", "grass and buds"),
    ("badger", "a black and white face", "in a deep den", "roots and worms"),
    ("otter", "smooth fur and clever paws", "by the river", "fish"),
    ("beaver", "big front teeth and a flat tail", "by the river", "bark"),
    ("mole", "tiny eyes and strong paws", "under the ground", "worms"),
    ("lion", "golden fur and a great mane", "on the wide plain", "meat"),
    ("elephant", "big ears and a long trunk", "on the wide plain", "leaves and fruit"),
    ("monkey", "long arms and a long tail", "in the jungle", "fruit"),
    ("penguin", "black and white feathers and short wings", "on the ice", "fish"),
    ("wolf", "grey fur and bright eyes", "in the mountains", "meat"),
]]

HE, SHE = ("he", "him", "his"), ("she", "her", "her")
BOYS = "Tom Ben Max Leo Sam Finn Oscar Jack Theo Hugo Noah Otto Felix Paul Will Henry Adam Luke Jonas Emil".split()
GIRLS = "Mia Anna Lily Rosa Ella Nora Ida Clara Emma Lucy Alice Ruth Eva Maya Sofia Grace Hanna Iris Julia Zoe".split()
PETS_HE = "Rusty Bruno Pip Tuck Barney Milo Biscuit Moss Oliver Rolo Hazel Boots Bramble Toby Jasper Archie".split()
PETS_SHE = "Poppy Daisy Willow Ruby Penny Bella Molly Luna Holly Ivy Pearl Tilly Dotty Maple Clover Ginger".split()
TRAITS = "little kind clever brave curious shy young cheerful quiet gentle proud lazy busy friendly".split()


@dataclass(frozen=True)
class Thing:
    noun: str
    looks: tuple   # adjectives
    what: str      # "a lantern is <what>"
    use: str       # "you can use it to <use>"
    trouble: str   # a problem this thing can solve
    help: str      # how {H} solves it


THINGS = [Thing(a, tuple(b.split()), c, d, e, f) for a, b, c, d, e, f in [
    ("lantern", "small old golden", "a lamp that you can carry", "see in the dark",
     "the night became so dark that nobody could see the path", "{H} held the lantern high, and its light showed the way home"),
    ("rope", "long strong thick", "a thick and strong string", "pull heavy things or climb",
     "a little lamb had fallen into a deep hole", "{H} let down the rope and pulled the lamb out of the hole"),
    ("umbrella", "red blue big", "a small roof of cloth that you hold over your head", "stay dry in the rain",
     "heavy rain began to fall", "{H} opened the umbrella, and they both stayed dry under it"),
    ("key", "small silver old", "a piece of metal that opens a lock", "open a locked door",
     "the old gate was locked and there was no other way", "{H} put the key into the lock, and the gate swung open"),
    ("blanket", "warm soft woolen", "a big warm cloth for a bed", "keep warm when it is cold",
     "a cold wind began to blow and they both shivered", "{H} put the blanket around them, and soon they were warm again"),
    ("map", "old big torn", "a drawing that shows where places are", "find the way",
     "they took a wrong turn and did not know where they were", "{H} looked at the map and found the right way"),
    ("boat", "little wooden green", "a thing that floats and carries you over the water", "cross the water",
     "the bridge was broken and they could not cross the water", "{H} pushed the boat into the water, and they rowed to the other side"),
    ("bell", "little shiny loud", "a metal cup that rings when you shake it", "call people",
     "a thick fog came and they lost sight of the others", "{H} rang the bell again and again until the others found them"),
    ("whistle", "small tin loud", "a small tube that makes a high sound when you blow into it", "call for help",
     "a branch fell and blocked the path behind them", "{H} blew the whistle, and a strong farmer came to move the branch"),
    ("drum", "round loud big", "a round box that booms when you hit it", "make music",
     "a hungry wolf came out of the bushes", "{H} beat the drum so loudly that the wolf ran away"),
    ("kite", "yellow red paper", "a light toy that flies in the wind on a string", "play in the wind",
     "a boy was lost and nobody knew where to look", "{H} let the kite fly high, and the boy saw it and came to them"),
    ("basket", "round brown big", "a box made of thin branches", "carry fruit or bread",
     "the apples were falling from the tree and rolling away", "{H} held out the basket and caught the apples one by one"),
    ("ladder", "tall wooden long", "two long poles with steps between them", "climb to high places",
     "a kitten sat high in a tree and could not come down", "{H} put the ladder against the tree and carried the kitten down"),
    ("bucket", "blue old big", "a round pot with a handle", "carry water",
     "a small fire started in the dry grass", "{H} filled the bucket with water and put out the fire"),
    ("book", "old thick green", "many pages with words and pictures", "read stories and learn things",
     "a small child was crying and could not sleep", "{H} opened the book and read a story until the child fell asleep"),
    ("coat", "warm red heavy", "a thick piece of clothing with sleeves", "keep warm in winter",
     "snow began to fall and an old man was freezing by the road", "{H} gave the coat to the old man, and he stopped shaking"),
    ("flute", "wooden silver little", "a thin pipe that makes music when you blow into it", "play a soft song",
     "a baby bird was afraid and would not stop crying", "{H} played a soft song on the flute, and the bird became calm"),
    ("loaf", "fresh warm brown", "a large piece of bread that is baked from flour and water", "make a meal",
     "they met an old woman who had not eaten all day", "{H} broke the loaf into three parts, and they all ate together"),
    ("cake", "sweet big round", "sweet food that is baked for a party", "celebrate a birthday",
     "they met a girl who was sad because nobody remembered her birthday", "{H} gave the cake to the girl, and they sang a song for her"),
    ("jar", "small full glass", "a pot of glass with a lid", "keep honey or jam",
     "a tiny beetle had fallen into the water", "{H} dipped the jar into the water and lifted the beetle out"),
    ("feather", "white long soft", "a light thing that grows on a bird", "write or tickle a friend",
     "a big giant lay across the path and would not wake up", "{H} tickled the nose of the giant with the feather until he woke up and moved away"),
    ("coin", "gold old round", "a round piece of metal money", "buy something small",
     "the man at the bridge would not let them cross for free", "{H} gave the coin to the man, and he let them cross"),
    ("mirror", "round little bright", "a piece of glass that shows your face", "look at your own face",
     "they fell into a deep pit and nobody could see them", "{H} turned the mirror to the sun, and a hunter saw the flash and pulled them out"),
    ("net", "large strong old", "many strings that are tied together", "catch fish",
     "a hat was floating away on the water", "{H} threw the net and pulled the hat back to the land"),
    ("ball", "red round blue", "a round toy that bounces", "play with your friends",
     "some children sat in the grass and were bored", "{H} threw the ball to the children, and soon everybody was laughing"),
    ("ribbon", "red long blue", "a thin band of bright cloth", "tie up a present",
     "there were so many paths that they could easily get lost", "{H} tied pieces of the ribbon to the trees, and so they found the way back"),
    ("hammer", "heavy strong old", "a tool with a heavy head", "hit nails into wood",
     "the door of the little hut was broken and the wind came in", "{H} took the hammer and mended the door"),
    ("scarf", "long woolen green", "a long cloth for your neck", "keep your neck warm",
     "a friend had hurt a leg on a sharp stone", "{H} tied the scarf around the leg, and it stopped hurting"),
    ("candle", "small white tall", "a stick of wax that burns with a small flame", "make a little light",
     "they came to a cave that was as black as ink", "{H} lit the candle, and they walked through the cave without fear"),
    ("compass", "small old brass", "a tool with a needle that points north", "find north",
     "the clouds hid the sun and they did not know which way was north", "{H} looked at the compass and led them north until they saw the village"),
    ("shovel", "big strong rusty", "a tool with a long handle", "dig a hole",
     "the snow had covered the door of a little house", "{H} took the shovel and dug a path to the door"),
    ("sled", "fast wooden blue", "a seat that slides over the snow", "ride down a snowy hill",
     "an old woman could not carry her wood through the snow", "{H} put the wood on the sled and pulled it to her house"),
    ("balloon", "red big yellow", "a bag of thin rubber that is full of air", "make a party look nice",
     "a little ant wanted to see the world from above", "{H} tied the ant to the balloon with a thread, and the ant saw the whole valley"),
    ("tent", "green small old", "a little house of cloth", "sleep outside",
     "a storm came up and there was no house near", "{H} put up the tent, and they slept in it until the storm was over"),
    ("pot", "big black iron", "a deep dish for cooking", "cook soup",
     "everybody in the village was hungry and cold", "{H} filled the pot with roots and water and cooked a soup for all of them"),
    ("seed", "tiny brown round", "a small grain from which a plant grows", "grow a plant",
     "there was no tree far and wide to give them shade", "{H} put the seed into the ground, and one day a tall tree stood there"),
    ("brush", "soft little thin", "a stick with hair at one end", "paint a picture",
     "the old fence looked grey and sad", "{H} took the brush and painted flowers on the fence"),
    ("hat", "black tall straw", "a thing that you wear on your head", "keep the sun off your head",
     "the sun was burning and there was no shade", "{H} made a little shade with the hat, and they took turns to wear it"),
    ("stone", "smooth blue shiny", "a hard piece of rock", "build a wall",
     "the wind kept blowing the door of the hut open", "{H} put the stone in front of the door, and it stayed shut"),
    ("pencil", "short yellow sharp", "a thin stick for writing", "write or draw",
     "they wanted to leave a message but did not know how", "{H} wrote the message on a leaf with the pencil"),
]]

PLACES = [  # noun, preposition, what it is
    ("forest", "in", "a place with very many trees"), ("beach", "on", "the sand next to the sea"),
    ("garden", "in", "a place where flowers and vegetables grow"), ("village", "in", "a place with a few houses"),
    ("river", "by", "water that flows to the sea"), ("hill", "on", "a piece of land that is higher than the rest"),
    ("meadow", "on", "a field of grass and flowers"), ("cave", "in", "a big hole in a rock"),
    ("market", "at", "a place where people buy and sell things"), ("mill", "at", "a house where grain becomes flour"),
    ("castle", "in", "a big house of stone with towers"), ("farm", "on", "a place where animals and corn are raised"),
    ("lake", "by", "a wide piece of still water"), ("bridge", "on", "a road that goes over the water"),
    ("valley", "in", "the low land between two hills"), ("harbor", "in", "a place where ships can rest"),
    ("school", "at", "a place where children learn"), ("tower", "in", "a very tall and thin building"),
    ("pond", "by", "a very small lake"), ("orchard", "in", "a garden full of fruit trees"),
]

HOMES = [p for p in PLACES if p[0] not in ("market", "bridge", "harbor", "school", "beach")]

SPOTS = ["under a bush", "behind a big stone", "in the tall grass", "under an old bench", "next to a hollow tree",
         "behind the fence", "between two roots", "under a pile of leaves", "near the well", "beside the path"]

FEARS = [("the dark", "the night"), ("deep water", "the water"), ("thunder", "the storm"),
         ("high places", "the height"), ("strangers", "the strangers"), ("loud noises", "the noise")]

LESSONS = {
    "honest": ["it is always better to tell the truth", "a true word makes a light heart"],
    "share": ["things are more fun when you share them", "a shared toy is twice as much fun"],
    "help": ["good friends help each other", "even a small friend can be a big help"],
    "brave": ["being brave means trying even when you are afraid", "fear grows small when a friend is near"],
    "care": ["you should take good care of your things", "it is good to look twice"],
    "patient": ["slow and steady steps lead to the goal", "it pays to be patient"],
    "kind": ["a kind deed is never lost", "kindness always comes back"],
}

OPPOSITES = "hot cold|big small|day night|happy sad|fast slow|up down|old new|light dark|open closed|full empty|" \
            "loud quiet|wet dry|hard soft|long short|high low|early late|strong weak|near far|clean dirty|rich poor"
COLOURS = "grass green|snow white|the sky blue|the sun yellow|blood red|coal black|an orange orange|a lemon yellow|" \
          "a ripe tomato red|a leaf green|milk white|the sea blue|an elephant grey|chocolate brown"
SOUNDS = "dog barks|cat meows|cow moos|duck quacks|lion roars|sheep bleats|owl hoots|horse neighs|pig grunts|bee buzzes|frog croaks|wolf howls|mouse squeaks|crow caws"
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve".split()
