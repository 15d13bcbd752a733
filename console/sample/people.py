"""The sample company's directory. Deterministic: the same people every time."""

from __future__ import annotations

from dataclasses import dataclass, replace

DOMAIN = "acme.example"
FIRST = """
    Ada Amara Anders Anna Aoife Ben Bruno Carla Chen Chidi Clara Dana David Elif Emil Esra Fatima Felix Freya Grace Hana
    Hugo Ines Ivan Jana Jonas Kaito Karim Lena Leo Lucia Malik Maria Mateo Mila Nadia Noah Nora Omar Paula Priya Rafael
    Rosa Samir Sofia Tariq Tomas Vera Wei Yuki
""".split()
LAST = """
    Adeyemi Bauer Costa Dubois Eriksen Fischer Garcia Haddad Ivanova Jansen Kowalski Lindqvist Mbeki Nakamura Okafor
    Petrov Rossi Singh Tanaka Weber
""".split()
DEPARTMENTS = ("Engineering", "Sales", "Support", "Finance", "People", "Operations", "Marketing", "Legal")
TITLES = ("Associate", "Specialist", "Senior Specialist", "Lead", "Principal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One row of the directory."""

    number: str
    email: str
    name: str
    department: str
    title: str
    kind: str = "employee"
    active: bool = True

    def row(self) -> tuple[str, ...]:
        """Return the person's cells in the order of `COLUMNS`."""
        return (
            self.number,
            self.email,
            self.name,
            self.department,
            self.title,
            self.kind,
            "yes" if self.active else "no",
        )


QUIRKS = (
    ("E2001", f"Siobhan.O'Brien@{DOMAIN}", "Siobhán O'Brien", "Lead", "employee"),
    ("E2002", f"jose.nunez@{DOMAIN}", "José Núñez", "Principal", "employee"),
    ("E2003", f"mei.tan@{DOMAIN}", "Mei Tan (陳美)", "Senior Specialist", "employee"),
    ("E2004", f"marta.weber@{DOMAIN}", "Marta Weber (was Vogel)", "Lead", "employee"),
    ("E2005", f"double.entry@{DOMAIN}", "Double Entry", "Associate", "employee"),
    ("E2006", f"Double.Entry@{DOMAIN}", "Dr. Double Entry", "Lead", "employee"),
    ("B1", "", "Build Bot", "Bot", "bot"),
    ("B2", "", "Deploy Bot", "Bot", "bot"),
)
COLUMNS = ("number", "email", "name", "department", "title", "kind", "active")


def ordinary_people(count: int = 480) -> list[Person]:
    """Return that many people with nothing special about them, spread over the departments."""
    people = []
    for index in range(count):
        first, last = FIRST[index % len(FIRST)], LAST[(index * 7 + index // len(FIRST)) % len(LAST)]
        suffix = "" if index < len(FIRST) * 5 else str(index // (len(FIRST) * 5) + 1)
        people.append(
            Person(
                number=f"E{1000 + index}",
                email=f"{first}.{last}{suffix}@{DOMAIN}".lower(),
                name=f"{first} {last}",
                department=DEPARTMENTS[index * 5 // 3 % len(DEPARTMENTS)],
                title=TITLES[index * 3 % len(TITLES)],
            )
        )
    return people


def directory() -> list[Person]:
    """Return the whole directory with its quirks: letter case, leavers, bots, an apostrophe, a duplicate."""
    people = ordinary_people()
    people = [replace(person, active=False) if index % 43 == 42 else person for index, person in enumerate(people)]
    people[8] = replace(people[8], email=people[8].email.upper())
    people[16] = replace(people[16], email=people[16].email.title())
    return people + [
        Person(number=number, email=email, name=name, department="Engineering", title=title, kind=kind)
        for number, email, name, title, kind in QUIRKS
    ]


def contractors(count: int = 42) -> list[Person]:
    """Return the contractors, as their agency exports them."""
    names = [(index, FIRST[(index * 3 + 1) % len(FIRST)], LAST[(index * 2 + 3) % len(LAST)]) for index in range(count)]
    return [
        Person(
            number=f"C{100 + index}",
            email=f"{first}.{last}@contractor.example".lower(),
            name=f"{first} {last}",
            department=DEPARTMENTS[index % 3],
            title="Contractor",
            kind="contractor",
        )
        for index, first, last in names
    ]
