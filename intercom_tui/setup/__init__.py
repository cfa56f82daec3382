"""The first-run wizard and the settings form: a pure model of questions and answers, and the screens that ask them."""
