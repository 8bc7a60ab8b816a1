"""Word vectors: which words are used alike? Learned from running text by word2vec."""
