"""Which replies invite an answer: a table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.core.invitation import invites

INVITES = """
Hello. How can I help?
What would you like to know?
Is there anything else I can do for you?
It is five past two. Anything else?
Anything else you need, just ask.
I found two of them. Which one do you mean?
Would you like me to read it to you?
Would you like me to continue.
Do you want me to set a timer for that?
Shall I play it now
Should I try again?
So, how about a joke?
What about tomorrow?
For how long? Say, for example, set a timer for five minutes.
How loud? Say, for example, set the volume to fifty percent.
Sorry, I did not understand. Please say it again.
Sorry, I did not catch that. Please repeat your question.
I still hear no words. Please say it again.
Let me know if you need anything else.
I can look that up for you if you like.
I could also tell you about the weather, if you want.
If you'd like, I can book a table for you.
If you want me to, I'll remind you tomorrow.
I can read the whole recipe, just say the word.
It will rain in the afternoon. If you need more, just ask.
I'm happy to help with that.
I'd love to hear what you think.
I would love to know more about your trip.
Tell me more about your dog.
Please tell me which city you mean.
Say yes or no.
Please answer again, I could not hear you. Are you in the kitchen?
Would you rather have tea or coffee? Either is fine.
Which one was it? Take your time.
What is your answer? No rush.
Do you know the capital of Peru? Take your time. I'll wait.
Okay, your turn.
Knock, knock!
Go ahead.
I'm listening.
Ready when you are.
Why did the chicken cross the road?
Lovely weather today, isn't it?
You mean the lamp in the hall, right?
Are you sure?!
Did you mean "what time is it?"
Did you mean 'what time is it?'
Do you want me to ask them "Where are you?"
"Who are you?"
*Would you like to hear more?*
(Shall I go on?)
Shall I go on? 😊
Any other questions?
Any more questions, feel free to ask.
Feel free to ask me about that.
Pick one, and I will start it.
If you have any other questions, I'm here.
If you tell me your city, I can check the weather.
I didn't quite get that, could you repeat it please.
It's your turn to guess.
I'd be glad to explain more if you're interested.
Möchtest du noch etwas wissen?
¿Quieres que ponga música?
Voulez-vous continuer ?
Θέλεις κάτι άλλο;
他にご質問はありますか？
هل تريد المزيد؟
Хотите продолжить?
Vill du höra mer?
Here is what I can do:
- tell the time
- set a timer
Which of these do you want?
"""

DOES_NOT = """
It is five past two in the afternoon.
Timer set for ten minutes.
Goodbye.
You are welcome.
I'll be here.
One moment.
Give me a moment.
Give me a second to look that up.
Let me see.
Let me check that for you.
Why did the scarecrow win a prize? Because he was outstanding in his field.
You know what? It is raining.
Guess what? Your timer is done.
Guess what?
Who knew?
Who would have thought?
How cool is that?
Isn't that amazing?
Did you know that honey never spoils?
Fun fact: did you know that honey never spoils?
Do you know why the sky is blue? Blue light scatters more than red.
What is a leap year? It is a year with one more day.
The song you mean is "Where Is the Love?"
He asked her "Where have you been?"
The book is called 'Do Androids Dream of Electric Sheep?'
She said "Are you sure?" and left.
The famous line is “To be or not to be?”
They let me know that the shop is closed.
He let me know yesterday.
I'll let you know when it is done.
I could not find anything else.
There is nothing else on your calendar.
There isn't anything else on your calendar today.
Anything else is not known to me.
If you like jazz, you will love this bar.
If you'd like to visit, the museum opens at nine.
You need a ticket if you want to get in after six.
I could not find it. Please try again later.
Please ask your doctor.
Please give it ten minutes to cool down.
Please let the dough rest for an hour.
Choose ripe tomatoes and a little salt.
Ask your doctor before you take it.
The question is whether it will rain.
They wonder what would happen.
I wonder who that was.
You asked me what time it is. It is noon.
I understood you, but I cannot set timers on this device.
Knock on wood.
How about that!
That did not work.
To end any of it, say stop, or press my button.
The volume is now fifty percent.
I am a voice assistant, and I can answer questions.
I will remind you at six if you don't finish before.
When you are done, turn it off.
Das weiß ich leider nicht.
これは質問ではありません。
Take your time.
Thank you.
...
😊
"""


def rows(table: str) -> list[str]:
    """The lines of a table; a list belongs to the line above it."""
    found: list[str] = []
    for line in table.strip().split("\n"):
        if found and (line.startswith("-") or found[-1].split("\n")[-1].startswith("-")):
            found[-1] += "\n" + line
        else:
            found.append(line)
    return found


def test_the_table_is_long_enough_to_mean_something() -> None:
    assert len(rows(INVITES)) >= 60 and len(rows(DOES_NOT)) >= 50


@pytest.mark.parametrize("text", rows(INVITES))
def test_it_invites_an_answer(text: str) -> None:
    assert invites(text)


@pytest.mark.parametrize("text", rows(DOES_NOT))
def test_it_does_not_invite_an_answer(text: str) -> None:
    assert not invites(text)


@pytest.mark.parametrize("text", ["", " ", "\n", '"', "''", "(", "?" * 2000 + "a"])
def test_next_to_nothing_invites_nobody(text: str) -> None:
    assert not invites(text)


@pytest.mark.parametrize("text", rows(INVITES) + rows(DOES_NOT))
def test_what_was_said_before_does_not_matter(text: str) -> None:
    assert invites("Would you believe it? It is forty two. " + text) == invites(text)


@given(st.text(max_size=300))
def test_no_text_breaks_it_and_a_question_mark_at_the_end_is_one(text: str) -> None:
    invites(text)
    assert invites(text + "\nWhich one do you want?")


def test_long_texts_take_no_time() -> None:
    """Linear: a text that makes the patterns backtrack would never come back."""
    for text in ("i can " * 5000, "if you " * 5000, "so, " * 5000, '"' * 20000, "a: " * 9000):
        assert not invites(text)
