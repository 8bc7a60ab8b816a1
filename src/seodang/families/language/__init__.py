"""Language models: what comes next in a text, learned by recurrent networks with memory."""
