"""How an answer is checked: asked, compared, told what is wrong."""
