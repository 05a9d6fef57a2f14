"""What a recipe says about an entry, beside what the shipped entry says."""


def assert_same_words(words, entry):
    """The prose of a recipe is that of the entry that ships."""
    about, zoo, info = words["about"], entry.zoo, entry.kipoi["info"]
    assert about["doc"] == info["doc"]
    assert about["tags"] == info["tags"]
    assert about["authors"] == [author["name"] for author in info["authors"]]
    assert about["limits"] == zoo.limits
    assert about["weights_license"] == zoo.weights_license
    assert words["data"] == [one.model_dump() for one in zoo.trained_on.data]
    assert words["procedure"] == zoo.training["procedure"]
