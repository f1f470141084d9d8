"""Whether somebody sounds as if the sentence were over: the Smart Turn model and what it hears."""
