"""A baseline of `make bench`: issues and checks tokens with FastAPI, SQLAlchemy and aiosqlite.

    DATABASE=…/tokens.db uvicorn bench.fastapi_tokens:app --uds ….sock
"""

import os
import secrets
import string
from datetime import datetime, timedelta

from fastapi import FastAPI
from sqlalchemy import Column, DateTime, Integer, String, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import declarative_base, sessionmaker

TTL = timedelta(minutes=60)
LETTERS = string.ascii_letters + string.digits
BUSY_S = 60  # wait for the writes of the other process

engine = create_async_engine(f"sqlite+aiosqlite:///{os.environ['DATABASE']}",
                             connect_args={"timeout": BUSY_S})
session_of = sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
Base = declarative_base()
app = FastAPI()


class Token(Base):
    __tablename__ = "tokens"

    id = Column(Integer, primary_key=True)
    token = Column(String, unique=True, index=True, nullable=False)
    expires_at = Column(DateTime, nullable=False)


@app.on_event("startup")
async def create_tables() -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


@app.post("/app/token")
async def issue_token() -> dict[str, int | str]:
    number = secrets.randbelow(1_000_000)
    token = f"{number:06}:{''.join(secrets.choice(LETTERS) for _ in range(22))}"
    async with session_of() as session:
        session.add(Token(token=token, expires_at=datetime.utcnow() + TTL))
        await session.commit()
    return {"status_code": 200, "token": token}


@app.get("/app/valid/{token}")
async def check_token(token: str) -> dict[str, int | bool]:
    async with session_of() as session:
        found = (await session.execute(select(Token).where(Token.token == token))).scalar()
        valid = found is not None and found.expires_at > datetime.utcnow()
        if found is not None and not valid:
            await session.delete(found)
            await session.commit()
    return {"status_code": 200, "status": valid}
