"""A second model beside the open one: where it is chosen, and what the tabs' views of both share."""
