"""The shop's order flow on the bare `eventsourcing` and `eventsourcing-sqlalchemy`: a baseline.

The same aggregates, the same orders, the same answers of the outside world; a saga that is a
process application, as the library's documentation has it, and one read table, `order_list`. Where
there was a choice, the faster way was taken, also where it does less than Sagaline: the cards and
the carrier answer from memory, a command given twice is not noticed, and nothing waits for an
answer that does not come.
"""
