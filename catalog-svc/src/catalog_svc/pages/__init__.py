"""The few pages for people; the REST interface is where everything can be had."""
