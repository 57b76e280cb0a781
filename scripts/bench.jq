# SPDX-License-Identifier: GPL-2.0-only
#
# What scripts/bench-page asks of the bench's JSON in more than one place.

# A dash is for what was not measured.
def short: if . == null then "-" elif . >= 1000 then round
	elif . >= 10 then . * 10 | round / 10
	elif . >= 0.001 then . * 1000 | round / 1000
	elif . >= 0.0001 then . * 100000 | round / 100000
	else "< 0.0001" end | tostring;

# ns for a unit of a metric, of the best of these sides that took part
def per($sides): .units as $units | [.ns[$sides[]] | values | .median / $units] | min;

def size: if . >= 1073741824 then "\(. / 1073741824)G" elif . >= 1048576
	then "\(. / 1048576)M" else "\(. / 1024)K" end;

def spread: if . then "\(.of_medians | short) (\(.min | short) to \(.max | short))" else "-" end;

# a line of a table, of texts
def line: "| " + join(" | ") + " |";
def head: line, (map("---") | line);
