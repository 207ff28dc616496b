"""The room of chapter 11: published weights, and what they see."""
