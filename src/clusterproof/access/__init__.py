"""May role R do action A on resource S: the third question, asked of policies as AWS evaluates them."""
